-- Each planned system in the latest month with traffic: one row a system.
WITH latest AS (
    SELECT max(window_end) AS window_end FROM kpi.value
    WHERE kpi_code = 'exchange_volume' AND window_type = 'month' AND value IS NOT NULL
),
by_system AS (
    SELECT kpi_code, system, statistic, value.value, target, status, synthetic
    FROM kpi.value AS value JOIN latest USING (window_end)
    WHERE window_type = 'month' AND unit_level = 'province' AND system IS NOT NULL
)
SELECT
    system.system, system.name_vi AS title_vi, system.name_en AS title_en, latest.window_end,
    count(register.operation) AS operations,
    any_value(availability.value) AS availability_pct,
    any_value(availability.target) AS agreed_availability_pct,
    any_value(availability.status) AS availability_status,
    any_value(freshness.value) AS freshness_days,
    any_value(volume.value) AS exchanges,
    any_value(p50.value) AS p50_ms, any_value(p95.value) AS p95_ms, any_value(p99.value) AS p99_ms,
    bool_or(volume.synthetic) AS synthetic
FROM reference.system AS system
CROSS JOIN latest
LEFT JOIN connection.register AS register
    ON
        register.system = system.system
        AND register.month = date_trunc('month', latest.window_end)
        AND register.connection_status = 'connected' AND register.environment = 'production'
LEFT JOIN by_system AS availability
    ON
        availability.system = system.system
        AND availability.kpi_code = 'connection_availability' AND availability.statistic = 'exchange'
LEFT JOIN by_system AS freshness ON freshness.system = system.system AND freshness.kpi_code = 'connection_freshness'
LEFT JOIN by_system AS volume ON volume.system = system.system AND volume.kpi_code = 'exchange_volume'
LEFT JOIN by_system AS p50 ON p50.system = system.system AND p50.statistic = 'p50'
LEFT JOIN by_system AS p95 ON p95.system = system.system AND p95.statistic = 'p95'
LEFT JOIN by_system AS p99 ON p99.system = system.system AND p99.statistic = 'p99'
WHERE system.is_planned
GROUP BY ALL ORDER BY system.system
