-- Values as they are told: shown for the unit they are told for, never rolled up.
CREATE OR REPLACE TEMP TABLE rolled_up AS
SELECT
    observed.window_number,
    observed.system,
    observed.statistic,
    observed.unit_code,
    unit_above.above_level AS unit_level,
    unit_above.above_parent_code AS parent_code,
    NULL::HUGEINT AS numerator,
    NULL::HUGEINT AS denominator,
    observed.value AS told_value,
    observed.target AS own_target
FROM observed
JOIN evaluated_window USING (window_number)
JOIN unit_above USING (window_end, unit_code)
WHERE unit_above.above_code = observed.unit_code
