-- The coverage of a KPI and window in the units directly below one.
WITH unit_below AS (
    SELECT unit_code, name_vi
    FROM reference.admin_unit
    WHERE parent_code = $unit_code AND $day BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
    UNION ALL
    SELECT agency.unit_code, agency.name_vi
    FROM reference.agency
    JOIN reference.admin_unit AS province ON province.unit_code = $unit_code AND province.unit_level = 'province'
    WHERE
        agency.agency_level = 'specialised'
        AND $day BETWEEN agency.valid_from AND coalesce(agency.valid_to, DATE '9999-12-31')
        AND $day BETWEEN province.valid_from AND coalesce(province.valid_to, DATE '9999-12-31')
)
SELECT
    value.unit_code,
    unit_below.name_vi AS unit_name,
    value.coverage,
    value.coverage_units,
    value.coverage_rows,
    value.withheld_reason
FROM kpi.value
JOIN unit_below USING (unit_code)
WHERE
    value.kpi_code = $kpi_code AND value.window_type = $window_type AND value.window_end = $window_end
    AND value.part_start IS NOT DISTINCT FROM $part_start
    AND value.statistic IS NOT DISTINCT FROM $statistic
    AND value.system IS NULL AND value.units_on IS NULL
ORDER BY value.coverage, value.unit_code
