-- The reports expected of sources, and the day on which the first delivery of the month came.
INSERT INTO ledger.expectation BY NAME
WITH received AS (
    SELECT source, month, min(delivered_at)::DATE AS received_on FROM ledger.delivery GROUP BY source, month
)
SELECT
    due.source,
    due.month,
    due.due_on,
    due.late_after,
    received.received_on,
    greatest(received.received_on - due.late_after, 0) AS late_days
FROM due
LEFT JOIN received ON received.source = due.source AND received.month = due.month
ORDER BY ALL
