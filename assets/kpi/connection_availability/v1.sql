-- Exchanges as the systems report them; attempts as the pipeline itself made them to fetch.
WITH exchanged AS (
    SELECT system, sum(succeeded_count) AS numerator, sum(call_count) AS denominator
    FROM connection.traffic
    WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY
    GROUP BY system
),
attempted AS (
    -- What was put into the inbox was no attempt of ours: it has no duration.
    SELECT system, count(*) FILTER (status <> 'failed') AS numerator, count(*) AS denominator
    FROM connection.attempt
    WHERE system IS NOT NULL AND duration_ms IS NOT NULL
        AND strptime(month, '%Y-%m') BETWEEN $window_start AND $window_end
    GROUP BY system
),
agreed AS (
    -- The weakest promise of a system is what all of its operations have to keep.
    SELECT system, min(agreed_availability_pct) AS target
    FROM connection.register
    WHERE month = date_trunc('month', $window_end)
        AND environment = 'production' AND connection_status = 'connected'
    GROUP BY system
),
told AS (
    SELECT system, 'exchange' AS statistic, numerator, denominator FROM exchanged
    UNION ALL
    SELECT system, 'attempt' AS statistic, numerator, denominator FROM attempted
)
SELECT told.system, told.statistic, told.numerator, told.denominator, agreed.target
FROM told
LEFT JOIN agreed USING (system)
