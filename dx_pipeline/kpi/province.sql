-- Every window has a row for the whole province, also where nothing is known.
INSERT INTO rolled_up BY NAME
SELECT DISTINCT
    evaluated_window.window_number,
    province.above_code AS unit_code,
    province.above_level AS unit_level,
    -- A window that is covered and has no row counted nothing: that is a zero, and known.
    CASE WHEN evaluated_window.is_covered AND $is_plain_count THEN 0 END AS numerator
FROM evaluated_window
JOIN unit_above AS province
    ON province.window_end = evaluated_window.window_end AND province.above_level = 'province'
WHERE NOT EXISTS (
    SELECT * FROM rolled_up
    WHERE rolled_up.window_number = evaluated_window.window_number AND rolled_up.unit_level = 'province'
)
