-- Dossiers of a scanned view: unit, part of a month, and the answer to each condition of its figures.
WITH day AS (
    SELECT unnest(range(first_on, last_on + 1, INTERVAL 1 DAY))::DATE AS dx_day, part_number, period FROM part
)
SELECT
    scanned.dx_row,
    day.period || ' ' || scanned.dx_unit AS place,
    day.part_number || ' ' || ($answers) AS kind
FROM scanned
JOIN day USING (dx_day)
WHERE scanned.dx_excluded IS NULL AND scanned.dx_unit IS NOT NULL
