-- Distinct items at every level: an item that two communes share is one item of their district.
CREATE OR REPLACE TEMP TABLE rolled_up AS
SELECT
    window_number,
    system,
    statistic,
    above_code AS unit_code,
    above_level AS unit_level,
    above_parent_code AS parent_code,
    count(DISTINCT item) FILTER (WHERE is_counted) AS numerator,
    count(DISTINCT item) AS denominator,
    NULL::DOUBLE AS given_value,
    max(target) AS own_target
FROM observed
JOIN evaluated_window USING (window_number)
JOIN unit_above USING (window_end, unit_code)
GROUP BY ALL
