-- The reports that were expected of each unit and of everything below it, the reports
-- that came, and of the rows that were reported those that are in a figure or are in none by design.
CREATE OR REPLACE TEMP TABLE unit_input AS
WITH counted AS (
    SELECT needed.*, report.* EXCLUDE (table_name, month)
    FROM needed
    JOIN report USING (table_name, month)
    UNION ALL BY NAME
    -- Where nobody in particular is expected to report, the rows of all are compared for the whole province.
    SELECT
        needed.*,
        whole.period AS from_period,
        whole.unit_code,
        partition.accepted + partition.quarantined AS delivered,
        partition.accepted AS used
    FROM needed
    JOIN source_of USING (table_name)
    JOIN partition USING (table_name, source, month)
    JOIN whole ON last_day(needed.month) BETWEEN whole.first_on AND whole.last_on
    WHERE NOT source_of.has_reporters AND NOT source_of.is_system
    UNION ALL BY NAME
    -- Rows that a view lost: accepted, but in no figure.
    SELECT needed.*, lost.from_period, lost.unit_code, -lost.row_count AS used
    FROM needed
    JOIN kpi_view USING (kpi_code)
    JOIN lost USING (view_name, table_name, month)
),
of_table AS (
    SELECT
        counted.evaluation_number,
        counted.table_name,
        place.above_code AS unit_code,
        place.above_level AS unit_level,
        place.above_parent_code AS parent_code,
        sum(counted.expected) AS expected,
        sum(counted.received) AS received,
        sum(counted.delivered) AS delivered,
        sum(counted.used) AS used
    FROM counted
    JOIN unit_above AS place USING (from_period, to_period, unit_code)
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
