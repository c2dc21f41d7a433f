SELECT system, sum(call_count) AS numerator, NULL AS denominator
FROM connection.traffic
WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY
GROUP BY system
