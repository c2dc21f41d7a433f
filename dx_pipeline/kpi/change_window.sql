-- Each value against that of the window before: of a year to date the same span of the year before, of a part of a
-- window the part before it. Units are followed under another code, and the province into another one.
INSERT INTO pair
WITH later AS (
    SELECT
        *,
        CASE
            WHEN part_start IS NOT NULL THEN part_start - 1
            WHEN window_type = 'ytd' THEN last_day(window_end - INTERVAL 1 YEAR)
            ELSE window_start - 1
        END AS before_on
    FROM figure
    WHERE NOT is_before AND value IS NOT NULL
)
SELECT 'window' AS compared_with, earlier.figure_number AS before_number, later.figure_number AS after_number
FROM later
JOIN figure AS earlier
    ON
        NOT earlier.is_before AND earlier.value IS NOT NULL
        AND earlier.kpi_code = later.kpi_code
        AND earlier.window_type = later.window_type AND earlier.last_on = later.before_on
        AND (earlier.part_start IS NULL) = (later.part_start IS NULL)
        AND (later.part_start IS NULL OR earlier.window_end = later.window_end)
        AND earlier.system IS NOT DISTINCT FROM later.system
        AND earlier.statistic IS NOT DISTINCT FROM later.statistic
JOIN continued
    ON
        continued.from_period = earlier.period AND continued.from_code = earlier.unit_code
        AND continued.to_period = later.period AND continued.to_code = later.unit_code
