-- One row a unit and month: each figure of the summary is a column.
INSERT INTO summary BY NAME
SELECT
    window_start AS month,
    unit_code,
    unit_level,
    $counts,
    string_agg(statistic, ', ' ORDER BY list_position($columns::VARCHAR[], statistic)) FILTER (
        value IS NULL
    ) AS withheld_columns,
    max(withheld_reason) AS withheld_reason,
    CASE WHEN bool_and(coverage IS NOT NULL) THEN min(coverage) END AS coverage,
    bool_or(synthetic) AS synthetic
FROM every_value
WHERE kpi_code = $table
GROUP BY ALL
ORDER BY month, unit_level, unit_code
