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
    FROM view.exchange
    WHERE called_on BETWEEN $window_start AND $window_end
    GROUP BY GROUPING SETS ((system), ())
),
bucket AS (
    SELECT merged.system, bound.lower_ms, bound.upper_ms, merged.counts[bound.place] AS calls
    FROM merged
    CROSS JOIN (
        VALUES
        (1, 0, 10), (2, 10, 20), (3, 20, 50), (4, 50, 100), (5, 100, 200), (6, 200, 500), (7, 500, 1000),
        (8, 1000, 2000), (9, 2000, 5000), (10, 5000, 10000), (11, 10000, 10000)
    ) AS bound (place, lower_ms, upper_ms)
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
    SELECT percentile.statistic, percentile.share
    FROM (VALUES ('p50', 0.50), ('p95', 0.95), ('p99', 0.99)) AS percentile (statistic, share)
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
