-- The lines that are no records. DuckDB's text of one begins with the end of the line before, in files with CRLF.
CREATE OR REPLACE TEMP TABLE csv_rejected AS
SELECT
    line,
    CASE any_value(error_type ORDER BY error_type)
        WHEN 'MISSING COLUMNS' THEN 'too_few_fields'
        WHEN 'TOO MANY COLUMNS' THEN 'too_many_fields'
        WHEN 'INVALID ENCODING' THEN 'not_utf8'
        ELSE 'not_csv'
    END AS fault,
    bool_or(contains(trim(csv_line, chr(10) || chr(13)), chr(10))) AS is_several_lines
FROM reject_errors
GROUP BY line
