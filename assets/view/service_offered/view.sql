-- A service of the province is offered by its own agency, one of the districts or communes by each of them.
WITH offering AS (
    SELECT agency_level, agency_code, unit_code, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to
    FROM reference.agency
    WHERE agency_level IN ('district', 'commune')
),
offered AS (
    SELECT service.procedure_code, service.month, offering.unit_code
    FROM statistics.service AS service
    JOIN offering
        ON
            offering.agency_level = service.authority_level
            AND last_day(service.month) BETWEEN offering.valid_from AND offering.valid_to
    UNION ALL
    SELECT service.procedure_code, service.month, unit.unit_code
    FROM statistics.service AS service
    JOIN reference.unit_of AS unit
        ON
            service.authority_level = 'province' AND unit.code = service.agency_code
            AND last_day(service.month) BETWEEN unit.valid_from AND unit.valid_to
)
SELECT
    last_day(service.month) AS offered_on,
    offered.unit_code,
    service.procedure_code,
    service.service_level,
    service.is_integrated,
    CASE WHEN offered.unit_code IS NULL THEN 'no_agency' END AS excluded,
    service.month,
    service.delivery_id,
    service.delivery_line
FROM statistics.service AS service
LEFT JOIN offered ON offered.procedure_code = service.procedure_code AND offered.month = service.month
