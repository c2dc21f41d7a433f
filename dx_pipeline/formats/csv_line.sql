-- The physical lines that should be records: below the headings, not blank, not rejected.
CREATE OR REPLACE TEMP TABLE csv_line AS
SELECT line
FROM text_lines($path, $most_bytes)
WHERE
    line > $heading_line
    AND trim(coalesce(text, ''), chr(13) || ' ') <> ''
    AND line NOT IN (SELECT line FROM csv_rejected)
ORDER BY line
