-- Values as they are given: shown for their own unit, never rolled up.
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
    observed.value AS given_value,
    observed.target AS own_target
FROM observed
JOIN evaluated_window USING (window_number)
JOIN unit_above USING (window_end, unit_code)
WHERE unit_above.above_code = observed.unit_code
