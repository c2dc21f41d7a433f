-- Each value against the same one of the release before, where anything that is shown of it differs.
INSERT INTO pair
SELECT 'release' AS compared_with, earlier.figure_number AS before_number, later.figure_number AS after_number
FROM figure AS later
JOIN figure AS earlier
    ON
        earlier.kpi_code = later.kpi_code
        AND earlier.window_type = later.window_type AND earlier.window_end = later.window_end
        AND earlier.part_start IS NOT DISTINCT FROM later.part_start
        AND earlier.unit_code = later.unit_code
        AND earlier.system IS NOT DISTINCT FROM later.system
        AND earlier.statistic IS NOT DISTINCT FROM later.statistic
WHERE
    earlier.is_before AND NOT later.is_before
    AND earlier.value IS NOT NULL AND later.value IS NOT NULL
    AND (earlier.value, earlier.numerator, earlier.denominator)
    IS DISTINCT FROM (later.value, later.numerator, later.denominator)
