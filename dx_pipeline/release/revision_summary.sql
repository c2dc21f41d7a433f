-- The size of the revisions of each KPI. The mean absolute revision is Eurostat's first indicator.
-- A value that appeared or vanished counts as revised, and is in no mean.
INSERT INTO kpi.revision_summary BY NAME
SELECT
    kpi_code,
    statistic,
    unit_of_measure,
    count(*) AS revision_count,
    round(avg(abs(value_after - value_before)), 6) AS mean_absolute_revision,
    round(avg(value_after - value_before), 6) AS mean_revision,
    round(max(abs(value_after - value_before)), 6) AS largest_revision,
    bool_or(synthetic) AS synthetic
FROM kpi.revised_value
GROUP BY ALL
ORDER BY ALL
