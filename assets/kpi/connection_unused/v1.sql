WITH declared AS (
    SELECT DISTINCT system, operation
    FROM connection.register
    WHERE
        month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected'
),
seen AS (
    SELECT DISTINCT system, operation
    FROM connection.traffic
    WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY AND call_count > 0
)
SELECT
    declared.system,
    count(*) FILTER (seen.operation IS NULL) AS numerator,
    count(*) AS denominator
FROM declared
LEFT JOIN seen USING (system, operation)
GROUP BY declared.system
