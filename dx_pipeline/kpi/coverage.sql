-- What the figures of each unit rest on: the reports that were expected of it and of everything below it, the reports
-- that came, and of the rows that were reported those that are in a figure or are in none by design.
CREATE OR REPLACE TEMP TABLE unit_input AS
WITH counted AS (
    SELECT kpi.kpi_code, report.* FROM kpi CROSS JOIN report
    UNION ALL BY NAME
    -- Where nobody in particular is expected to report, the rows of all are compared for the whole province.
    SELECT
        kpi.kpi_code,
        partition.table_name,
        partition.month,
        whole.period,
        whole.unit_code,
        partition.accepted + partition.quarantined AS delivered,
        partition.accepted AS used
    FROM kpi
    CROSS JOIN partition
    JOIN whole ON last_day(partition.month) BETWEEN whole.first_on AND whole.last_on
    WHERE partition.table_name IN (SELECT table_name FROM source_of WHERE NOT has_reporters AND NOT is_system)
    UNION ALL BY NAME
    -- Rows that a view lost: accepted, but in no figure.
    SELECT kpi_view.kpi_code, lost.table_name, lost.month, lost.period, lost.unit_code, -lost.row_count AS used
    FROM kpi_view
    JOIN lost USING (view_name)
),
of_table AS (
    SELECT
        evaluation.evaluation_number,
        counted.table_name,
        place.above_code AS unit_code,
        place.above_level AS unit_level,
        place.above_parent_code AS parent_code,
        sum(counted.expected) AS expected,
        sum(counted.received) AS received,
        sum(counted.delivered) AS delivered,
        sum(counted.used) AS used
    FROM evaluation
    JOIN kpi USING (kpi_code)
    JOIN counted USING (kpi_code)
    JOIN kpi_table
        ON
            kpi_table.kpi_code = evaluation.kpi_code AND kpi_table.table_name = counted.table_name
            AND kpi_table.definition_version = evaluation.last_version
    JOIN month
        ON
            month.first_on = counted.month
            AND CASE kpi.basis
                WHEN 'flow' THEN month.first_on <= evaluation.last_on AND month.last_on >= evaluation.first_on
                WHEN 'stock' THEN month.last_on = evaluation.state_on
            END
    JOIN unit_above AS place
        ON
            place.from_period = counted.period
            AND place.to_period = evaluation.period
            AND place.unit_code = counted.unit_code
    GROUP BY ALL
)
SELECT
    evaluation_number,
    unit_code,
    any_value(unit_level) AS unit_level,
    any_value(parent_code) AS parent_code,
    min(received / nullif(expected, 0)) AS coverage_units,
    min(used / nullif(delivered, 0)) AS coverage_rows
FROM of_table
GROUP BY ALL
HAVING coverage_units IS NOT NULL OR coverage_rows IS NOT NULL;

-- Every unit that was expected to report has a row: a zero where it reported and nothing is counted.
INSERT INTO rolled_up BY NAME
SELECT
    unit_input.evaluation_number,
    asked.statistic,
    unit_input.unit_code,
    unit_input.unit_level,
    unit_input.parent_code,
    CASE WHEN unit_input.coverage_units > 0 THEN 0 END AS numerator,
    CASE WHEN unit_input.coverage_units > 0 AND kpi.has_denominator THEN 0 END AS denominator
FROM unit_input
JOIN evaluation USING (evaluation_number)
JOIN kpi USING (kpi_code)
JOIN asked USING (kpi_code)
WHERE
    (unit_input.coverage_units IS NOT NULL OR unit_input.unit_level <> 'province')
    AND NOT EXISTS (
        SELECT * FROM rolled_up
        WHERE
            rolled_up.evaluation_number = unit_input.evaluation_number
            AND rolled_up.unit_code = unit_input.unit_code
            AND rolled_up.system IS NULL
            AND rolled_up.statistic IS NOT DISTINCT FROM asked.statistic
    );
