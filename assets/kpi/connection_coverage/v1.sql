WITH connected AS (
    SELECT DISTINCT system
    FROM connection.register
    WHERE
        month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected' AND go_live_on <= $window_end
)
SELECT count(connected.system) AS numerator, count(*) AS denominator
FROM reference.system AS planned
LEFT JOIN connected USING (system)
WHERE planned.is_planned
