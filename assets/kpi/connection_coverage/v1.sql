WITH connected AS (
    SELECT DISTINCT system
    FROM connection.register
    WHERE month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected' AND go_live_on <= $window_end
),
province AS (
    SELECT unit_code
    FROM reference.admin_unit
    WHERE unit_level = 'province'
        AND valid_from <= $window_end AND (valid_to IS NULL OR valid_to >= $window_end)
)
SELECT province.unit_code, count(connected.system) AS numerator, count(*) AS denominator
FROM reference.system AS planned
CROSS JOIN province
LEFT JOIN connected USING (system)
WHERE planned.is_planned
GROUP BY province.unit_code
