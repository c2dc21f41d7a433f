-- How old the newest hour is that a system has told of: by the time it tells of, not by when it was loaded.
WITH newest AS (
    SELECT system, max(hour_at)::DATE AS last_day
    FROM connection.traffic
    WHERE hour_at < $window_end + INTERVAL 1 DAY
    GROUP BY system
)
SELECT system, $window_end - last_day AS value FROM newest
UNION ALL
-- All of them together are as old as the oldest, and nothing is known unless every system has told.
SELECT NULL AS system, CASE WHEN count(newest.system) = count(*) THEN max($window_end - last_day) END AS value
FROM reference.system AS planned
LEFT JOIN newest USING (system)
WHERE planned.is_planned
