-- The published cells of a summary as values of its figures, each with whether it is shown.
SELECT
    $code AS kpi_code,
    'month' AS window_type,
    last_day(cell.month) AS window_end,
    NULL AS part_start,
    NULL AS units_on,
    figure.statistic,
    cell.unit_code,
    coalesce(cell.withheld_reason <> 'few_dossiers', TRUE)
    OR NOT list_contains(string_split(cell.withheld_columns, ', '), figure.statistic) AS is_shown
FROM read_parquet($path, hive_partitioning = FALSE) AS cell
CROSS JOIN (SELECT unnest($columns::VARCHAR[]) AS statistic) AS figure
