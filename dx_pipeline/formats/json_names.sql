-- The names in use, each with the first line that has it, and whether a record that has it has any name twice.
WITH shape AS (
    SELECT json_keys(text) AS names, min(line) AS line
    FROM json_record
    WHERE fault IS NULL
    GROUP BY names
),
used AS (
    SELECT line, len(names) <> list_unique(names) AS is_repeated, unnest(names) AS name
    FROM shape
)
SELECT name, min(line) AS line, bool_or(is_repeated) AS is_repeated
FROM used
WHERE name <> $synthetic
GROUP BY name
ORDER BY line, name
