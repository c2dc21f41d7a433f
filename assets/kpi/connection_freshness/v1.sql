-- How old the newest hour is that a system has told of: by the time it tells of, not by when it was loaded.
WITH province AS (
    SELECT unit_code
    FROM reference.admin_unit
    WHERE unit_level = 'province'
        AND valid_from <= $window_end AND (valid_to IS NULL OR valid_to >= $window_end)
),
newest AS (
    SELECT system, max(hour_at)::DATE AS last_day
    FROM connection.traffic
    WHERE hour_at < $window_end + INTERVAL 1 DAY
    GROUP BY system
),
told AS (
    SELECT system, $window_end - last_day AS age FROM newest
    UNION ALL
    -- All of them together are as old as the oldest, and nothing is known unless every system has told.
    SELECT NULL AS system, CASE WHEN count(newest.system) = count(*) THEN max($window_end - last_day) END AS age
    FROM reference.system AS planned
    LEFT JOIN newest USING (system)
    WHERE planned.is_planned
)
SELECT province.unit_code, told.system, told.age AS value
FROM told
CROSS JOIN province
