-- The names in use, each with the first line that has it.
WITH used AS (
    SELECT line, unnest(json_keys(text)) AS name
    FROM json_record
    WHERE is_object
)
SELECT name, min(line) AS line
FROM used
WHERE name <> $synthetic
GROUP BY name
ORDER BY line, name
