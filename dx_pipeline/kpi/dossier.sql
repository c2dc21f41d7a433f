-- Dossiers of a scanned view: unit, part of a month, and the answer to each condition of its figures.
-- Grain: one row a row of the view. States of one dossier have one `dossier`.
WITH day AS (
    SELECT unnest(range(first_on, last_on + 1, INTERVAL 1 DAY))::DATE AS dx_day, part_number, period FROM part
)
SELECT
    coalesce(of_state.dossier, scanned.dx_state, scanned.dx_row) AS dossier,
    day.period || ' ' || scanned.dx_unit AS place,
    day.part_number,
    day.part_number || ' ' || ($answers) AS kind,
    scanned.dx_weight AS weight
FROM scanned
JOIN day USING (dx_day)
LEFT JOIN of_state ON of_state.state_hash = scanned.dx_state
WHERE scanned.dx_excluded IS NULL AND scanned.dx_unit IS NOT NULL
