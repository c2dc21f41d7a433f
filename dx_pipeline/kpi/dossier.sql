-- Dossiers of a scanned view by unit, part of a month, and their answers to the conditions of all figures.
INSERT INTO dossier
WITH by_day AS (
    SELECT dx_day, dx_unit, $answers AS answers, count(*) AS row_count
    FROM scanned
    WHERE dx_excluded IS NULL AND dx_unit IS NOT NULL
    GROUP BY ALL
)
SELECT $view AS view_name, by_day.dx_unit, part.part_number, by_day.answers, sum(by_day.row_count) AS row_count
FROM by_day
JOIN part ON by_day.dx_day BETWEEN part.first_on AND part.last_on
GROUP BY ALL
