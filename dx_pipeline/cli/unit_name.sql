-- The name of each unit on a day.
SELECT unit_code, name_vi
FROM reference.admin_unit
WHERE $day BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
UNION ALL
SELECT unit_code, name_vi
FROM reference.agency
WHERE agency_level = 'specialised' AND $day BETWEEN valid_from AND coalesce(valid_to, DATE '9999-12-31')
