-- Every unit that a value is of, under the name that it had last; the province first.
WITH named AS (
    SELECT unit_code, name_vi, parent_code, valid_from, valid_to FROM reference.admin_unit
    UNION ALL
    SELECT unit_code, name_vi, NULL AS parent_code, valid_from, valid_to
    FROM reference.agency
    WHERE agency_level = 'specialised'
),
latest AS (
    SELECT
        unit_code,
        max_by(name_vi, valid_from) AS name_vi,
        max_by(parent_code, valid_from) AS parent_code,
        min(valid_from) AS valid_from,
        max_by(coalesce(valid_to, DATE '9999-12-31'), valid_from) AS valid_to
    FROM named
    GROUP BY unit_code
),
used AS (
    SELECT DISTINCT unit_code, unit_level FROM kpi.value WHERE units_on IS NULL
)
SELECT
    used.unit_code,
    used.unit_level,
    coalesce(latest.name_vi, used.unit_code) AS name_vi,
    latest.parent_code,
    latest.valid_from,
    nullif(latest.valid_to, DATE '9999-12-31') AS valid_to
FROM used
LEFT JOIN latest USING (unit_code)
ORDER BY
    list_position(['province', 'agency', 'district', 'commune'], used.unit_level),
    used.unit_code
