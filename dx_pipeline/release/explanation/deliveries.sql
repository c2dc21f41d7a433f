-- The deliveries of the partitions that a value rests on, and those of their sources and months that nothing was read
-- from.
SELECT
    delivery.table_name,
    delivery.source,
    delivery.month,
    delivery.delivery_id,
    delivery.file_name,
    CASE WHEN delivery.month IS NOT NULL THEN delivery.delivered_at END AS delivered_at, -- reference files are in git
    delivery.disposition,
    delivery.problem,
    delivery.withheld,
    delivery.synthetic,
    conservation.rows_in,
    conservation.rows_accepted,
    conservation.rows_duplicate,
    conservation.rows_filtered,
    conservation.rows_quarantined
FROM ledger.delivery
LEFT JOIN ledger.conservation
    ON
        conservation.table_name = delivery.table_name
        AND conservation.source = delivery.source
        AND conservation.month IS NOT DISTINCT FROM delivery.month
        AND conservation.delivery_id = delivery.delivery_id
WHERE
    EXISTS (
        SELECT * FROM wanted
        WHERE
            wanted.source = delivery.source AND wanted.month IS NOT DISTINCT FROM delivery.month
            AND (wanted.table_name = delivery.table_name OR delivery.table_name IS NULL)
    )
ORDER BY
    delivery.month IS NULL,
    delivery.table_name,
    delivery.month,
    delivery.source,
    delivery.delivered_at,
    delivery.delivery_id
