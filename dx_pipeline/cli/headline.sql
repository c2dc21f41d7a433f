-- For each KPI the province's latest value, and every value with a published one beside it.
WITH ranked AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY kpi_code, statistic
            -- What was published can be compared; otherwise the latest window that has a value.
            ORDER BY
                value IS NULL, CASE WHEN value IS NULL THEN coverage END DESC, window_end DESC,
                list_position(['ytd', 'year', 'quarter', 'month'], window_type)
        ) AS place
    FROM kpi.value WHERE unit_level = 'province' AND system IS NULL
)
SELECT ranked.*, definition.title_vi, definition.title_en
FROM ranked
JOIN kpi.definition AS definition
    ON
        definition.kpi_code = ranked.kpi_code
        AND definition.definition_version = coalesce(
            ranked.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = ranked.kpi_code)
        )
WHERE place = 1 OR published_value IS NOT NULL
ORDER BY list_position($first, ranked.kpi_code) NULLS LAST, ranked.kpi_code, window_end, statistic
