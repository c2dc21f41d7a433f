SELECT
    last_day(month) AS registered_on,
    system,
    operation,
    go_live_on,
    agreed_availability_pct,
    CASE
        WHEN environment <> 'production' THEN 'not_production'
        WHEN connection_status <> 'connected' THEN 'not_connected'
    END AS excluded,
    month,
    delivery_id,
    delivery_line
FROM connection.register
