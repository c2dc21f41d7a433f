-- The traffic of $system in one month, from the halves of its exchanges in that month and both neighbours.
-- One row is one operation within one hour. $first_ms and $after_ms: from when, and until before when.
WITH delivery AS (
    SELECT delivery_id, row_number() OVER (ORDER BY delivery_id) AS delivery_number
    FROM (SELECT DISTINCT delivery_id FROM connection.exchange) AS delivered
),
-- Servers of the older generation have no xRequestId: their halves are matched by the message.
request_of_message AS (
    SELECT message_id, min(exchange_id) AS exchange_id
    FROM connection.exchange
    WHERE
        exchange_id <> message_id
        AND message_id IN (SELECT message_id FROM connection.exchange WHERE exchange_id = message_id)
    GROUP BY message_id
),
half AS NOT MATERIALIZED (
    SELECT
        coalesce(request_of_message.exchange_id, exchange.exchange_id) AS exchange_id,
        exchange.side = 'client' AS is_client,
        exchange.operation,
        coalesce(request_in_ms, request_out_ms, response_in_ms, response_out_ms, epoch_ms(recorded_at)) AS started_ms,
        response_out_ms - request_in_ms AS duration_ms,
        request_bytes,
        response_bytes,
        has_succeeded,
        CASE
            WHEN has_succeeded THEN NULL
            WHEN regexp_matches(fault_code, '(NetworkError|IOError|Timeout)') THEN 'network'
            WHEN regexp_matches(fault_code, '^(Client|Server\.ClientProxy)(\.|$)') THEN 'client'
            WHEN regexp_matches(fault_code, '^Server\.ServerProxy(\.|$)') THEN 'server'
            WHEN regexp_matches(fault_code, '(^|:)(Client|Sender)(\.|$)') THEN 'client'
            WHEN fault_code IS NOT NULL THEN 'server'
            WHEN status_code BETWEEN 400 AND 499 THEN 'client'
            WHEN status_code >= 500 THEN 'server'
        END AS fault,
        delivery_number * 4294967296 + delivery_line AS place,
        synthetic
    FROM connection.exchange
    JOIN delivery USING (delivery_id)
    LEFT JOIN request_of_message
        ON exchange.exchange_id = exchange.message_id AND request_of_message.message_id = exchange.message_id
),
-- Every exchange once, whichever halves there are and in whichever order they came.
exchange AS (
    SELECT
        exchange_id,
        bool_or(is_client) AS has_client,
        bool_or(NOT is_client) AS has_producer,
        coalesce(min(started_ms) FILTER (is_client), min(started_ms)) AS started_ms,
        coalesce(min(operation) FILTER (is_client), min(operation)) AS operation,
        coalesce(min(duration_ms) FILTER (is_client), min(duration_ms)) AS duration_ms,
        coalesce(min(request_bytes) FILTER (is_client), min(request_bytes)) AS request_bytes,
        coalesce(min(response_bytes) FILTER (is_client), min(response_bytes)) AS response_bytes,
        coalesce(bool_and(has_succeeded) FILTER (is_client), bool_and(has_succeeded)) AS has_succeeded,
        coalesce(bool_or(has_succeeded) FILTER (NOT is_client), FALSE) AS is_answered,
        coalesce(min(fault) FILTER (is_client), min(fault)) AS fault,
        min(place) AS place,
        min(duration_ms) FILTER (is_client) AS client_duration_ms,
        min(duration_ms) FILTER (NOT is_client) AS provider_duration_ms,
        bool_or(synthetic) AS synthetic
    FROM half
    WHERE exchange_id IN (SELECT exchange_id FROM half WHERE started_ms >= $first_ms AND started_ms < $after_ms)
    GROUP BY exchange_id
),
classified AS (
    SELECT
        *,
        started_ms // 3600000 AS hour_number,
        CASE
            WHEN has_succeeded THEN 'succeeded'
            WHEN fault IS NOT NULL THEN fault
            WHEN is_answered OR NOT (has_client AND has_producer) THEN 'network'
            ELSE 'server'
        END AS result
    FROM exchange
    WHERE started_ms >= $first_ms AND started_ms < $after_ms
),
hourly AS (
    SELECT
        operation,
        hour_number,
        count(*) AS call_count,
        count(*) FILTER (result = 'succeeded') AS succeeded_count,
        count(*) FILTER (result = 'client') AS failed_client_count,
        count(*) FILTER (result = 'server') AS failed_server_count,
        count(*) FILTER (result = 'network') AS failed_network_count,
        count(*) FILTER (duration_ms <= 10) AS duration_to_10_ms_count,
        count(*) FILTER (duration_ms > 10 AND duration_ms <= 20) AS duration_to_20_ms_count,
        count(*) FILTER (duration_ms > 20 AND duration_ms <= 50) AS duration_to_50_ms_count,
        count(*) FILTER (duration_ms > 50 AND duration_ms <= 100) AS duration_to_100_ms_count,
        count(*) FILTER (duration_ms > 100 AND duration_ms <= 200) AS duration_to_200_ms_count,
        count(*) FILTER (duration_ms > 200 AND duration_ms <= 500) AS duration_to_500_ms_count,
        count(*) FILTER (duration_ms > 500 AND duration_ms <= 1000) AS duration_to_1000_ms_count,
        count(*) FILTER (duration_ms > 1000 AND duration_ms <= 2000) AS duration_to_2000_ms_count,
        count(*) FILTER (duration_ms > 2000 AND duration_ms <= 5000) AS duration_to_5000_ms_count,
        count(*) FILTER (duration_ms > 5000 AND duration_ms <= 10000) AS duration_to_10000_ms_count,
        -- Without a moment at which the response went out there was none: that counts as the longest.
        count(*) FILTER (duration_ms > 10000 OR duration_ms IS NULL) AS duration_over_10000_ms_count,
        sum(request_bytes)::BIGINT AS request_bytes,
        sum(response_bytes)::BIGINT AS response_bytes,
        max(started_ms) FILTER (result = 'succeeded') AS last_success_ms,
        count(*) FILTER (has_client AND has_producer) AS paired_count,
        count(*) FILTER (has_client AND NOT has_producer) AS client_only_count,
        count(*) FILTER (has_producer AND NOT has_client) AS producer_only_count,
        count(client_duration_ms) AS client_timed_count,
        sum(client_duration_ms)::BIGINT AS client_duration_ms,
        count(provider_duration_ms) AS provider_timed_count,
        sum(provider_duration_ms)::BIGINT AS provider_duration_ms,
        min(place) AS place,
        bool_or(synthetic) AS synthetic
    FROM classified
    GROUP BY operation, hour_number
)
SELECT
    $system AS system,
    -- The province is whole hours ahead of UTC, so its hours begin when those of UTC do.
    to_timestamp(hour_number * 3600) AS hour_at,
    to_timestamp(last_success_ms / 1000) AS last_success_at,
    $month::DATE AS month,
    delivery_id,
    place % 4294967296 AS delivery_line,
    hourly.* EXCLUDE (hour_number, last_success_ms, place)
FROM hourly
JOIN delivery ON delivery_number = place // 4294967296
ORDER BY operation, hour_at
