-- Each planned system in the latest month with traffic: one row a system.
WITH latest AS (
    SELECT max(window_end) AS window_end FROM kpi.value
    WHERE kpi_code = 'exchange_volume' AND window_type = 'month' AND value IS NOT NULL
),
connected AS (
    SELECT system, count(*) AS operations
    FROM connection.register
    JOIN latest ON register.month = date_trunc('month', latest.window_end)
    WHERE connection_status = 'connected' AND environment = 'production'
    GROUP BY system
),
measured AS (
    SELECT
        system,
        max(value) FILTER (kpi_code = 'connection_availability' AND statistic = 'exchange') AS availability_pct,
        max(target) FILTER (kpi_code = 'connection_availability' AND statistic = 'exchange') AS agreed_availability_pct,
        max(status) FILTER (kpi_code = 'connection_availability' AND statistic = 'exchange') AS availability_status,
        max(value) FILTER (kpi_code = 'connection_freshness') AS freshness_days,
        max(value) FILTER (kpi_code = 'exchange_volume') AS exchanges,
        max(value) FILTER (kpi_code = 'exchange_latency' AND statistic = 'p50') AS p50_ms,
        max(value) FILTER (kpi_code = 'exchange_latency' AND statistic = 'p95') AS p95_ms,
        max(value) FILTER (kpi_code = 'exchange_latency' AND statistic = 'p99') AS p99_ms,
        bool_or(synthetic) FILTER (kpi_code = 'exchange_volume') AS synthetic
    FROM kpi.value
    JOIN latest USING (window_end)
    WHERE window_type = 'month' AND unit_level = 'province' AND system IS NOT NULL
    GROUP BY system
)
SELECT
    system.system,
    system.name_vi AS title_vi,
    system.name_en AS title_en,
    latest.window_end,
    coalesce(connected.operations, 0) AS operations,
    measured.* EXCLUDE (system)
FROM reference.system
CROSS JOIN latest
LEFT JOIN connected USING (system)
LEFT JOIN measured USING (system)
WHERE system.is_planned
ORDER BY system.system
