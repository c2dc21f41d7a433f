WITH province AS (
    SELECT unit_code
    FROM reference.admin_unit
    WHERE unit_level = 'province'
        AND valid_from <= $window_end AND (valid_to IS NULL OR valid_to >= $window_end)
)
SELECT province.unit_code, traffic.system, sum(traffic.call_count) AS numerator, NULL AS denominator
FROM connection.traffic AS traffic
CROSS JOIN province
WHERE traffic.hour_at >= $window_start AND traffic.hour_at < $window_end + INTERVAL 1 DAY
GROUP BY province.unit_code, traffic.system
