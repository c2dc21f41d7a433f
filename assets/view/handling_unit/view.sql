-- What belongs to the province is handled by its own agency, what belongs to districts or communes by each of them. The
-- unit of an agency changes with time: all of its stretches come with the first row of its code.
SELECT
    CASE WHEN agency.agency_level = 'specialised' THEN 'province' ELSE agency.agency_level END AS authority_level,
    CASE WHEN agency.agency_level = 'specialised' THEN agency.agency_code END AS agency_code,
    CASE WHEN agency.agency_level = 'specialised' THEN unit.unit_code ELSE agency.unit_code END AS unit_code,
    CASE WHEN agency.agency_level = 'specialised' THEN unit.valid_from ELSE agency.valid_from END AS valid_from,
    CASE
        WHEN agency.agency_level = 'specialised' THEN unit.valid_to
        ELSE coalesce(agency.valid_to, DATE '9999-12-31')
    END AS valid_to,
    agency.delivery_id,
    agency.delivery_line
FROM reference.agency AS agency
LEFT JOIN reference.unit_of AS unit ON agency.agency_level = 'specialised' AND unit.code = agency.agency_code
QUALIFY
    agency.agency_level <> 'specialised'
    OR agency.valid_from = min(agency.valid_from) OVER (PARTITION BY agency.agency_code)
