-- Values that accepted revisions changed, without KPIs about dossiers: a change of a few dossiers would reveal
-- their unit and channel.
INSERT INTO kpi.revision BY NAME
SELECT
    kpi_code,
    window_type,
    window_start,
    window_end,
    part_start,
    unit_code,
    unit_level,
    system,
    statistic,
    row_number() OVER (
        PARTITION BY kpi_code, window_type, window_end, part_start, unit_code, system, statistic
        ORDER BY accepted_at, proposal
    ) AS revision,
    change,
    value_before,
    value_after,
    unit_of_measure,
    synthetic,
    proposal,
    table_name,
    source,
    month,
    reason,
    accepted_at
FROM accepted
WHERE NOT list_contains($protected::VARCHAR[], kpi_code)
ORDER BY ALL
