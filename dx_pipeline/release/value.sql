-- The values of a KPI, or of all of them, each with the name that its unit had at the end of its window.
WITH named AS (
    SELECT unit_code, name_vi, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to FROM reference.admin_unit
    UNION ALL
    SELECT unit_code, name_vi, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to
    FROM reference.agency
    WHERE agency_level = 'specialised'
)
SELECT value.*, titled.title_vi, titled.title_en, max(named.name_vi) AS unit_name
FROM kpi.value
JOIN (SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition) AS titled USING (kpi_code)
LEFT JOIN named
    ON
        named.unit_code = value.unit_code
        AND coalesce(value.part_end, value.window_end) BETWEEN named.valid_from AND named.valid_to
WHERE ($code::VARCHAR IS NULL OR value.kpi_code = $code) AND value.units_on IS NULL
GROUP BY ALL
ORDER BY ALL
