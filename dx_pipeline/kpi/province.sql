-- Every window has a row for the whole province, for each system and statistic, also where nothing is
-- known.
INSERT INTO rolled_up BY NAME
SELECT DISTINCT
    window_input.window_number,
    window_input.system,
    asked.statistic,
    province.above_code AS unit_code,
    province.above_level AS unit_level,
    -- A window that is covered and has no row counted nothing: that is a zero, and known.
    CASE WHEN window_input.is_covered AND $is_plain_count THEN 0 END AS numerator
FROM window_input
JOIN evaluated_window USING (window_number)
CROSS JOIN (SELECT unnest($statistics::VARCHAR[]) AS statistic) AS asked
JOIN unit_above AS province
    ON province.window_end = evaluated_window.window_end AND province.above_level = 'province'
WHERE
    NOT EXISTS (
        SELECT * FROM rolled_up
        WHERE
            rolled_up.window_number = window_input.window_number AND rolled_up.unit_level = 'province'
            AND rolled_up.system IS NOT DISTINCT FROM window_input.system
            AND rolled_up.statistic IS NOT DISTINCT FROM asked.statistic
    )
