-- What each evaluation is computed from, for all systems together (`system` NULL) and, for a KPI by system, for each:
-- the monthly partitions that it needs, and whether they are there.
INSERT INTO input BY NAME
WITH latest AS (
    -- A latest state needs the newest partition of each source that is there by then.
    SELECT evaluation.evaluation_number, kpi_table.table_name, source_of.source, max(partition.month) AS month
    FROM evaluation
    JOIN kpi_table USING (kpi_code, definition_version)
    JOIN source_of USING (table_name)
    LEFT JOIN partition
        ON
            partition.table_name = kpi_table.table_name AND partition.source = source_of.source
            AND partition.is_there AND partition.month <= evaluation.last_on
    WHERE kpi_table.basis = 'latest'
    GROUP BY ALL
),
wanted AS (
    SELECT needed.evaluation_number, needed.table_name, source_of.source, needed.month
    FROM needed
    JOIN source_of USING (table_name)
    UNION ALL
    FROM latest
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
        wanted.table_name,
        any_value(source_of.has_reporters) AS has_reporters,
        count(*) AS needed_count,
        count(*) FILTER (partition.is_there) AS there_count,
        sum(partition.accepted) AS accepted,
        sum(partition.quarantined) AS quarantined,
        coalesce(bool_or(partition.synthetic) FILTER (partition.is_there), FALSE) AS synthetic,
        coalesce(sum(partition.revision), 0) AS revision,
        list(concat_ws(' ', wanted.table_name, wanted.source, strftime(wanted.month, '%Y-%m')))
        FILTER (partition.is_there AND partition.is_stale) AS stale
    FROM asked_for
    JOIN wanted USING (evaluation_number)
    JOIN source_of USING (table_name, source)
    LEFT JOIN partition USING (table_name, source, month)
    WHERE asked_for.system IS NULL OR NOT source_of.is_system OR source_of.source = asked_for.system
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
