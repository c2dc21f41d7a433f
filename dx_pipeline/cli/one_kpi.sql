-- Every window of one KPI for the province.
SELECT value.*, definition.title_vi, definition.title_en
FROM kpi.value AS value
JOIN kpi.definition AS definition
    ON
        definition.kpi_code = value.kpi_code
        AND definition.definition_version = coalesce(
            value.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = value.kpi_code)
        )
WHERE value.kpi_code = $code AND value.unit_level = 'province'
ORDER BY
    window_end, list_position(['month', 'quarter', 'ytd', 'year'], window_type),
    statistic, system NULLS FIRST
