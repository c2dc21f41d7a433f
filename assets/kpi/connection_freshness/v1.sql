-- Age in days of the newest day that a system reports calls for: by the day reported, not by when it was loaded.
WITH newest AS (
    SELECT system, max(called_on) AS last_day
    FROM view.exchange
    WHERE called_on <= $window_end
    GROUP BY system
)
SELECT system, $window_end - last_day AS value FROM newest
UNION ALL
-- All systems together are as old as the oldest; the age is unknown unless every system has reported.
SELECT NULL AS system, CASE WHEN count(newest.system) = count(*) THEN max($window_end - last_day) END AS value
FROM reference.system AS planned
LEFT JOIN newest USING (system)
WHERE planned.is_planned
