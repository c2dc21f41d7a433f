-- Every unit that figures count towards: administrative units, and each specialised agency of the province, which is
-- a unit of its own, directly under the province. An agency that outlives a province is a unit of both in turn.
WITH province AS (
    SELECT unit_code, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to
    FROM reference.admin_unit
    WHERE unit_level = 'province'
)
SELECT unit_code, unit_level, parent_code, valid_from, valid_to FROM reference.admin_unit
UNION ALL
SELECT
    agency.unit_code,
    'agency' AS unit_level,
    province.unit_code AS parent_code,
    greatest(agency.valid_from, province.valid_from) AS valid_from,
    nullif(least(coalesce(agency.valid_to, DATE '9999-12-31'), province.valid_to), DATE '9999-12-31') AS valid_to
FROM reference.agency AS agency
JOIN province
    ON
        province.valid_from <= coalesce(agency.valid_to, DATE '9999-12-31')
        AND province.valid_to >= agency.valid_from
WHERE agency.agency_level = 'specialised'
ORDER BY ALL
