-- The calls of a system by day: how many there were, succeeded, and failed on which side.
SELECT
    hour_at::DATE AS day,
    sum(call_count)::BIGINT AS call_count,
    sum(succeeded_count)::BIGINT AS succeeded_count,
    sum(failed_client_count)::BIGINT AS failed_client_count,
    sum(failed_server_count)::BIGINT AS failed_server_count,
    sum(failed_network_count)::BIGINT AS failed_network_count
FROM connection.traffic
WHERE system = $system
GROUP BY ALL
ORDER BY day
