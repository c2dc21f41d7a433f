-- What each evaluation is computed from, for all systems together (`system` NULL) and, for a KPI by system, for each:
-- the monthly partitions that it needs, and whether they are there.
INSERT INTO input BY NAME
WITH version AS (
    -- A window that is divided needs what any of its versions needs.
    SELECT DISTINCT evaluation.evaluation_number, kpi_table.table_name
    FROM evaluation
    JOIN kpi_table
        ON
            kpi_table.kpi_code = evaluation.kpi_code
            AND (evaluation.is_divided OR kpi_table.definition_version = evaluation.definition_version)
),
latest AS (
    SELECT evaluation.evaluation_number, partition.table_name, partition.source, max(partition.month) AS month
    FROM evaluation
    JOIN kpi ON kpi.kpi_code = evaluation.kpi_code AND kpi.basis = 'latest'
    JOIN version USING (evaluation_number)
    JOIN partition USING (table_name)
    WHERE partition.is_there AND partition.month <= evaluation.last_on
    GROUP BY ALL
),
needed AS (
    SELECT
        evaluation.evaluation_number,
        version.table_name,
        source_of.source,
        source_of.is_system,
        source_of.has_reporters,
        month.first_on
    FROM evaluation
    JOIN kpi USING (kpi_code)
    JOIN version USING (evaluation_number)
    JOIN source_of USING (table_name)
    JOIN month
        ON
            CASE kpi.basis
                WHEN 'flow' THEN month.first_on <= evaluation.last_on AND month.last_on >= evaluation.first_on
                WHEN 'stock' THEN month.last_on = evaluation.state_on
            END
    UNION ALL
    -- A latest state needs the newest partition of each source that is there by then.
    SELECT
        evaluation.evaluation_number,
        version.table_name,
        source_of.source,
        source_of.is_system,
        source_of.has_reporters,
        latest.month
    FROM evaluation
    JOIN kpi ON kpi.kpi_code = evaluation.kpi_code AND kpi.basis = 'latest'
    JOIN version USING (evaluation_number)
    JOIN source_of USING (table_name)
    LEFT JOIN latest
        ON
            latest.evaluation_number = evaluation.evaluation_number
            AND latest.table_name = version.table_name AND latest.source = source_of.source
),
asked_for AS (
    SELECT evaluation.evaluation_number, NULL AS system FROM evaluation
    UNION ALL
    SELECT evaluation.evaluation_number, system.system
    FROM evaluation
    JOIN kpi ON kpi.kpi_code = evaluation.kpi_code AND kpi.by_system
    CROSS JOIN system
),
of_table AS (
    SELECT
        asked_for.evaluation_number,
        asked_for.system,
        needed.table_name,
        any_value(needed.has_reporters) AS has_reporters,
        count(*) AS needed_count,
        count(*) FILTER (partition.is_there) AS there_count,
        sum(partition.accepted) AS accepted,
        sum(partition.quarantined) AS quarantined,
        coalesce(bool_or(partition.synthetic) FILTER (partition.is_there), FALSE) AS synthetic,
        coalesce(sum(partition.replaced) FILTER (partition.is_there), 0) AS revision,
        list(concat_ws(' ', needed.table_name, needed.source, strftime(needed.first_on, '%Y-%m')))
        FILTER (partition.is_there AND partition.is_stale) AS stale
    FROM asked_for
    JOIN needed
        ON
            needed.evaluation_number = asked_for.evaluation_number
            AND (asked_for.system IS NULL OR NOT needed.is_system OR needed.source = asked_for.system)
    LEFT JOIN partition
        ON
            partition.table_name = needed.table_name
            AND partition.source = needed.source AND partition.month = needed.first_on
    GROUP BY ALL
),
summed AS (
    SELECT
        evaluation_number,
        system,
        min(there_count / needed_count) AS coverage_units,
        -- Of tables that declare who reports, rows are compared unit by unit.
        min(accepted / nullif(accepted + quarantined, 0)) FILTER (NOT has_reporters) AS coverage_rows,
        sum(there_count) = sum(needed_count) AS are_all_there,
        bool_or(synthetic) AS synthetic,
        sum(revision)::BIGINT AS revision,
        array_to_string(list_sort(list_distinct(flatten(list(stale) FILTER (stale IS NOT NULL)))), ', ') AS stale_inputs
    FROM of_table
    GROUP BY ALL
)
SELECT
    asked_for.evaluation_number,
    asked_for.system,
    CASE
        WHEN evaluation.definition_version IS NULL AND NOT evaluation.is_divided THEN 0
        ELSE coalesce(summed.coverage_units, 1)
    END AS coverage_units,
    CASE
        WHEN evaluation.definition_version IS NULL AND NOT evaluation.is_divided THEN 0
        ELSE coalesce(summed.coverage_rows, 1)
    END AS coverage_rows,
    evaluation.definition_version IS NOT NULL
    AND CASE
        WHEN kpi.basis = 'latest' THEN (SELECT max(month) FROM partition) >= date_trunc('month', evaluation.window_end)
        ELSE coalesce(summed.are_all_there, TRUE)
    END AS is_complete,
    coalesce(summed.synthetic, FALSE) AS synthetic,
    coalesce(summed.revision, 0) AS revision,
    nullif(summed.stale_inputs, '') AS stale_inputs
FROM asked_for
JOIN evaluation USING (evaluation_number)
JOIN kpi USING (kpi_code)
LEFT JOIN summed
    ON
        summed.evaluation_number = asked_for.evaluation_number
        AND summed.system IS NOT DISTINCT FROM asked_for.system;
