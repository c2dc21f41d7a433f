-- The names in use, each with the first line that has it.
SELECT name, min(line) AS line
FROM (SELECT line, unnest(json_keys(text)) AS name FROM json_record WHERE is_object)
WHERE name <> $synthetic
GROUP BY name
ORDER BY line, name
