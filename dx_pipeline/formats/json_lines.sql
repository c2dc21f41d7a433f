-- The lines that are not blank; one that is no JSON is no object.
CREATE OR REPLACE TEMP TABLE json_record AS
SELECT
    line,
    rtrim(text, chr(13)) AS text,
    CASE WHEN json_valid(text) AND json_type(text) = 'OBJECT' THEN NULL ELSE 'not_json' END AS fault
FROM text_lines($path, $most_bytes)
WHERE trim(coalesce(rtrim(text, chr(13)), '')) <> ''
