-- By table and month: what was delivered, where its rows went, and which reports were due. Where months are summed,
-- the first and the last of them.
WITH counted AS (
    SELECT
        table_name,
        coalesce(month, list_min(string_split(months, ', '))) AS first_month,
        coalesce(month, list_max(string_split(months, ', '))) AS last_month,
        sum(rows_in)::BIGINT AS rows_in,
        sum(rows_accepted)::BIGINT AS rows_accepted,
        sum(rows_duplicate)::BIGINT AS rows_duplicate,
        sum(rows_filtered)::BIGINT AS rows_filtered,
        sum(rows_quarantined)::BIGINT AS rows_quarantined,
        0 AS deliveries,
        NULL::TIMESTAMPTZ AS delivered_at,
        0 AS reports_due,
        0 AS reports_received
    FROM ledger.conservation
    GROUP BY ALL
),
delivered AS (
    SELECT
        table_name,
        month AS first_month,
        month AS last_month,
        count(*) AS deliveries,
        max(delivered_at) AS delivered_at
    FROM ledger.delivery
    WHERE disposition IN ('read', 'superseded')
    GROUP BY ALL
),
due AS (
    SELECT
        table_name,
        month AS first_month,
        month AS last_month,
        count(*) AS reports_due,
        count(received_on) AS reports_received
    FROM ledger.expectation
    GROUP BY ALL
)
FROM counted
UNION ALL BY NAME
FROM delivered
UNION ALL BY NAME
FROM due
ORDER BY table_name, first_month, last_month
