-- Percentiles of merged histograms, interpolated within the bucket that contains the percentile.
-- The last bucket has no upper end: its lower end is taken.
WITH merged AS (
    SELECT
        system,
        [
            sum(duration_to_10_ms_count),
            sum(duration_to_20_ms_count),
            sum(duration_to_50_ms_count),
            sum(duration_to_100_ms_count),
            sum(duration_to_200_ms_count),
            sum(duration_to_500_ms_count),
            sum(duration_to_1000_ms_count),
            sum(duration_to_2000_ms_count),
            sum(duration_to_5000_ms_count),
            sum(duration_to_10000_ms_count),
            sum(duration_over_10000_ms_count)
        ] AS counts
    FROM connection.traffic
    WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY
    GROUP BY GROUPING SETS ((system), ())
),
bucket AS (
    SELECT
        system,
        unnest([0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]) AS lower_ms,
        unnest([10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 10000]) AS upper_ms,
        unnest(counts) AS calls
    FROM merged
),
cumulated AS (
    SELECT
        *,
        sum(calls) OVER (PARTITION BY system ORDER BY lower_ms) AS calls_up_to,
        sum(calls) OVER (PARTITION BY system) AS calls_in_all
    FROM bucket
    WHERE calls > 0
),
asked AS (
    SELECT unnest(['p50', 'p95', 'p99']) AS statistic, unnest([0.50, 0.95, 0.99]) AS share
)
SELECT
    cumulated.system,
    asked.statistic,
    arg_min(
        lower_ms + (upper_ms - lower_ms) * (share * calls_in_all - (calls_up_to - calls)) / calls, lower_ms
    ) AS value
FROM cumulated
CROSS JOIN asked
WHERE calls_up_to >= share * calls_in_all
GROUP BY cumulated.system, asked.statistic
