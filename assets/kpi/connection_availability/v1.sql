-- Exchanges as the systems report them; attempts as the pipeline itself made them to fetch.
WITH exchanged AS (
    SELECT system, sum(succeeded_count) AS numerator, sum(call_count) AS denominator
    FROM connection.traffic
    WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY
    GROUP BY system
),
attempted AS (
    -- Files put into the inbox are no fetch attempts: they have no duration.
    SELECT system, count(*) FILTER (status <> 'failed') AS numerator, count(*) AS denominator
    FROM connection.attempt
    WHERE
        system IS NOT NULL AND duration_ms IS NOT NULL
        AND strptime(month, '%Y-%m') BETWEEN $window_start AND $window_end
    GROUP BY system
),
agreed AS (
    -- The target of a system is the lowest availability agreed for any of its operations.
    SELECT system, min(agreed_availability_pct) AS target
    FROM connection.register
    WHERE
        month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected'
    GROUP BY system
),
measured AS (
    SELECT system, 'exchange' AS statistic, numerator, denominator FROM exchanged
    UNION ALL
    SELECT system, 'attempt' AS statistic, numerator, denominator FROM attempted
)
SELECT measured.system, measured.statistic, measured.numerator, measured.denominator, agreed.target
FROM measured
LEFT JOIN agreed USING (system)
