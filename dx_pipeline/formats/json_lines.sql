-- The lines that are not blank; one that is no JSON is no object.
CREATE OR REPLACE TEMP TABLE json_record AS
SELECT
    line,
    rtrim(text, chr(13)) AS text,
    CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE FALSE END AS is_object
FROM text_lines($path, $most_bytes)
WHERE trim(coalesce(rtrim(text, chr(13)), '')) <> ''
