-- The reports expected for the partitions that a value needs, of its unit and of everything below it. Where a list says
-- who reports a table, its reporters are asked, and else the source.
SELECT
    expectation.source,
    expectation.month,
    wanted.table_name,
    expectation.reporter,
    coalesce(agency.name_vi, unit.name_vi) AS reporter_name,
    expectation.unit_code,
    expectation.due_on,
    expectation.late_after,
    expectation.received_on,
    expectation.received_on IS NOT NULL AS has_come
FROM ledger.expectation
JOIN wanted ON wanted.source = expectation.source AND wanted.month = expectation.month
LEFT JOIN reference.agency AS agency
    ON
        agency.agency_code = expectation.reporter
        AND last_day(strptime(expectation.month, '%Y-%m')::DATE)
        BETWEEN agency.valid_from AND coalesce(agency.valid_to, DATE '9999-12-31')
LEFT JOIN reference.admin_unit AS unit
    ON
        unit.unit_code = expectation.reporter
        AND last_day(strptime(expectation.month, '%Y-%m')::DATE)
        BETWEEN unit.valid_from AND coalesce(unit.valid_to, DATE '9999-12-31')
WHERE
    wanted.is_needed
    AND CASE
        WHEN list_contains($listed::VARCHAR[], wanted.table_name)
            THEN
                expectation.table_name = wanted.table_name
                AND EXISTS (
                    SELECT * FROM unit_within
                    WHERE
                        unit_within.unit_code = expectation.unit_code
                        AND last_day(strptime(expectation.month, '%Y-%m')::DATE)
                        BETWEEN unit_within.first_on AND unit_within.last_on
                )
        ELSE expectation.table_name IS NULL
    END
ORDER BY ALL
