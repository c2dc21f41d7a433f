-- The first unit that a definition counts for and that does not exist on the last day of the window.
SELECT DISTINCT coalesce(observed.unit_code, 'NULL') AS unit_code, window_end
FROM observed
JOIN evaluated_window USING (window_number)
ANTI JOIN unit_above USING (window_end, unit_code)
ORDER BY ALL
LIMIT 1
