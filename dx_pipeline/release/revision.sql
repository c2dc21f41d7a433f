-- What accepted revisions changed and everybody may see. Of KPIs about dossiers these are the province's values, and
-- only where every change of a count, and every difference of two changes, is 0 or at least the threshold.
INSERT INTO kpi.revision BY NAME
WITH changed AS (
    SELECT
        *,
        list_contains($protected::VARCHAR[], kpi_code) AS is_protected,
        numerator_after - numerator_before AS counted,
        coalesce((denominator_after - denominator_before) - (numerator_after - numerator_before), 0) AS others,
        row_number() OVER (
            PARTITION BY kpi_code, window_type, window_end, part_start, unit_code, system, statistic
            ORDER BY accepted_at, proposal
        ) AS revision
    FROM read_parquet($paths, hive_partitioning = FALSE)
),
change AS (
    SELECT DISTINCT proposal, kpi_code, statistic, counted, others
    FROM changed WHERE is_protected AND unit_level = 'province'
    UNION ALL
    SELECT DISTINCT proposal, kpi_code, statistic, 0 AS counted, 0 AS others FROM changed WHERE is_protected
),
telling AS (
    SELECT DISTINCT one.proposal, one.kpi_code
    FROM change AS one
    JOIN change AS other
        ON
            other.proposal = one.proposal AND other.kpi_code = one.kpi_code
            AND other.statistic IS NOT DISTINCT FROM one.statistic
    WHERE
        abs(one.counted - other.counted) BETWEEN 1 AND $threshold - 1
        OR abs(one.others - other.others) BETWEEN 1 AND $threshold - 1
)
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
    revision,
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
FROM changed
WHERE
    NOT is_protected
    OR (unit_level = 'province' AND (proposal, kpi_code) NOT IN (SELECT (proposal, kpi_code) FROM telling))
ORDER BY ALL
