-- The rows that broke the contract: where they are, why, and who reported them, but nothing else of what is in them.
CREATE TABLE quarantined AS
SELECT
    delivery_id,
    delivery_line,
    split_part(disposition.reason, '|', 1) AS reason_code,
    nullif(split_part(disposition.reason, '|', 2), '') AS column_name,
    reporter,
    synthetic
FROM disposition
JOIN delivered USING (delivery_position)
JOIN reporting USING (delivery_position, delivery_line)
WHERE disposition = 'quarantined'
ORDER BY delivery_position, delivery_line
