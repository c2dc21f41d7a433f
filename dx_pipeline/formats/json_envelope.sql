-- The records of all pages, numbered through.
CREATE OR REPLACE TEMP TABLE json_record AS
WITH page AS (
    SELECT page, from_json(json_extract(content, $records), '["JSON"]') AS records
    FROM pages_as_arrow
),
record AS (
    SELECT page, unnest(range(len(records))) AS position, unnest(records)::VARCHAR AS text
    FROM page
)
SELECT
    row_number() OVER (ORDER BY page, position) AS line,
    text,
    CASE WHEN json_type(text) <> 'OBJECT' THEN 'not_json' END AS fault
FROM record
