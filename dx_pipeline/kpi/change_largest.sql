-- Changes, the largest first. Their size is comparable over units of measure: percentage points as a share of 100, and
-- anything else as a share of the province's value of the same window.
WITH sized AS (
    SELECT
        change.*,
        abs(difference) / CASE
            WHEN change.unit_of_measure = 'percent' THEN 100
            ELSE coalesce(nullif(abs(whole.value), 0), greatest(abs(change.value), abs(change.value_before), 1))
        END AS size
    FROM change
    LEFT JOIN figure AS whole
        ON
            NOT whole.is_before AND whole.unit_level = 'province'
            AND whole.kpi_code = change.kpi_code
            AND whole.window_type = change.window_type AND whole.window_end = change.window_end
            AND whole.part_start IS NOT DISTINCT FROM change.part_start
            AND whole.system IS NOT DISTINCT FROM change.system
            AND whole.statistic IS NOT DISTINCT FROM change.statistic
)
SELECT * FROM sized
ORDER BY -size, kpi_code, window_end, window_type, part_start, unit_code, system, statistic
