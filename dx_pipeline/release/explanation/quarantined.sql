-- Quarantined rows of the partitions that a value needs. Of a table that says who reports: those of the unit, and for
-- the province those that name nobody. Of the others the rows of all.
SELECT
    quarantine.table_name,
    quarantine.source,
    quarantine.month,
    quarantine.delivery_id,
    quarantine.reason_code,
    quarantine.column_name,
    count(*) AS row_count,
    CASE WHEN list_contains($by_unit::VARCHAR[], quarantine.table_name) THEN 'unit' ELSE 'delivery' END AS rows_of,
    list(quarantine.delivery_line ORDER BY quarantine.delivery_line) FILTER (
        quarantine.delivery_line IS NOT NULL
    ) AS lines
FROM ledger.quarantine
JOIN wanted
    ON
        wanted.table_name = quarantine.table_name
        AND wanted.source = quarantine.source
        AND wanted.month IS NOT DISTINCT FROM quarantine.month
WHERE
    wanted.is_needed
    AND (
        NOT list_contains($by_unit::VARCHAR[], quarantine.table_name)
        OR quarantine.reporter IS NULL AND $is_province
        OR EXISTS (
            SELECT *
            FROM reference.unit_of AS unit
            JOIN unit_within ON unit_within.unit_code = unit.unit_code
            WHERE
                unit.code = quarantine.reporter
                AND last_day(strptime(quarantine.month, '%Y-%m')::DATE) BETWEEN unit.valid_from AND unit.valid_to
                AND last_day(strptime(quarantine.month, '%Y-%m')::DATE)
                BETWEEN unit_within.first_on AND unit_within.last_on
        )
    )
GROUP BY ALL
ORDER BY ALL
