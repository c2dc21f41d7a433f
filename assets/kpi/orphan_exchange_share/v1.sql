-- Only systems that deliver both halves of their exchanges show which exchanges lack one.
SELECT
    system,
    sum(client_only_count + producer_only_count) AS numerator,
    sum(paired_count + client_only_count + producer_only_count) AS denominator
FROM connection.traffic
WHERE hour_at >= $window_start AND hour_at < $window_end + INTERVAL 1 DAY AND paired_count IS NOT NULL
GROUP BY system
