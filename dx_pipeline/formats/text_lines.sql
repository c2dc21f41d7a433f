-- The physical lines of a text file, numbered from 1. No text has the delimiter.
CREATE OR REPLACE TEMP MACRO text_lines(path, most_bytes) AS TABLE
    SELECT row_number() OVER () AS line, text
    FROM read_csv(
        path,
        auto_detect = FALSE,
        header = FALSE,
        columns = { 'text': 'VARCHAR' },
        delim = chr(1),
        quote = '',
        escape = '',
        strict_mode = FALSE, max_line_size = most_bytes
    )
