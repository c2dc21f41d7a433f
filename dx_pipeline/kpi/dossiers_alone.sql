-- Dossiers of a scanned view, where no other view has any: nobody asks which of them they are, only how many.
-- Grain: one row a place and kind, as in dossier.sql.
WITH day AS (
    SELECT unnest(range(first_on, last_on + 1, INTERVAL 1 DAY))::DATE AS dx_day, part_number, period FROM part
),
of_day AS (
    SELECT dx_day, dx_unit, $answers AS answers, sum(dx_weight) AS weight
    FROM scanned
    WHERE dx_excluded IS NULL AND dx_unit IS NOT NULL
    GROUP BY ALL
)
SELECT
    NULL::UBIGINT AS dossier,
    day.period || ' ' || of_day.dx_unit AS place,
    day.part_number || ' ' || of_day.answers AS kind,
    sum(of_day.weight) AS weight
FROM of_day
JOIN day USING (dx_day)
GROUP BY ALL
