-- The first line with an odd number of quotation marks.
SELECT min(line)
FROM text_lines($path, $most_bytes)
WHERE (length(text) - length(replace(text, $quote, ''))) % 2 = 1
