WITH province AS (
    SELECT unit_code
    FROM reference.admin_unit
    WHERE unit_level = 'province'
        AND valid_from <= $window_end AND (valid_to IS NULL OR valid_to >= $window_end)
),
declared AS (
    SELECT DISTINCT system, operation
    FROM connection.register
    WHERE month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected'
),
seen AS (
    SELECT DISTINCT system, operation
    FROM connection.traffic
    WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY AND call_count > 0
)
SELECT
    province.unit_code,
    seen.system,
    count(*) FILTER (declared.operation IS NULL) AS numerator,
    count(*) AS denominator
FROM seen
LEFT JOIN declared USING (system, operation)
CROSS JOIN province
GROUP BY province.unit_code, seen.system
