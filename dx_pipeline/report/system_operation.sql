-- The operations of a system in the latest month of its register or its traffic: what was called, and what was agreed.
WITH latest AS (
    SELECT max(month) AS month FROM (
        SELECT month FROM connection.register WHERE system = $system
        UNION ALL
        SELECT month FROM connection.traffic WHERE system = $system
    )
),
called AS (
    SELECT
        operation,
        sum(call_count)::BIGINT AS call_count,
        sum(succeeded_count)::BIGINT AS succeeded_count,
        round(sum(request_bytes) / nullif(sum(call_count), 0)) AS mean_request_bytes,
        round(sum(response_bytes) / nullif(sum(call_count), 0)) AS mean_response_bytes,
        round(sum(client_duration_ms) / nullif(sum(client_timed_count), 0)) AS mean_client_ms,
        round(sum(provider_duration_ms) / nullif(sum(provider_timed_count), 0)) AS mean_provider_ms,
        max(last_success_at) AS last_success_at
    FROM connection.traffic
    SEMI JOIN latest USING (month)
    WHERE system = $system
    GROUP BY operation
),
declared AS (
    SELECT
        operation,
        arg_max(direction, environment) AS direction,
        arg_max(protocol, environment) AS protocol,
        arg_max(connection_status, environment) AS connection_status,
        arg_max(go_live_on, environment) AS go_live_on,
        arg_max(agreed_availability_pct, environment) AS agreed_availability_pct,
        arg_max(legal_basis, environment) AS legal_basis
    FROM connection.register
    SEMI JOIN latest USING (month)
    WHERE system = $system
    GROUP BY operation
)
SELECT
    operation,
    declared.* EXCLUDE (operation),
    called.* EXCLUDE (operation),
    declared.operation IS NOT NULL AS is_declared,
    latest.month
FROM declared
FULL JOIN called USING (operation)
CROSS JOIN latest
ORDER BY operation
