-- Every unit that a value is of, under the name that it had on the last day that it has a value of; the province first.
WITH named AS (
    SELECT unit_code, name_vi, parent_code, valid_from, valid_to FROM reference.admin_unit
    UNION ALL
    SELECT unit_code, name_vi, NULL AS parent_code, valid_from, valid_to
    FROM reference.agency
    WHERE agency_level = 'specialised'
),
used AS (
    SELECT
        unit_code,
        unit_level,
        coalesce(
            max(coalesce(part_end, window_end)) FILTER (value IS NOT NULL), max(coalesce(part_end, window_end))
        ) AS last_on
    FROM kpi.value
    WHERE units_on IS NULL
    GROUP BY ALL
)
SELECT
    used.unit_code,
    used.unit_level,
    coalesce(named.name_vi, used.unit_code) AS name_vi,
    named.parent_code,
    named.valid_from,
    named.valid_to
FROM used
ASOF LEFT JOIN named ON used.unit_code = named.unit_code AND used.last_on >= named.valid_from
ORDER BY
    list_position(['province', 'agency', 'district', 'commune'], used.unit_level),
    used.unit_code
