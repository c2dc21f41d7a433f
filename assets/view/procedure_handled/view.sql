-- A procedure of the province is handled by its own agency, one of the districts or communes by each of them.
WITH handling AS (
    SELECT agency_level, unit_code, valid_from, coalesce(valid_to, DATE '9999-12-31') AS valid_to
    FROM reference.agency
    WHERE agency_level IN ('district', 'commune')
),
handled AS (
    SELECT procedure.procedure_code, procedure.month, handling.unit_code
    FROM reference.procedure AS procedure
    JOIN handling
        ON
            handling.agency_level = procedure.authority_level
            AND last_day(procedure.month) BETWEEN handling.valid_from AND handling.valid_to
    UNION ALL
    SELECT procedure.procedure_code, procedure.month, unit.unit_code
    FROM reference.procedure AS procedure
    JOIN reference.unit_of AS unit
        ON
            procedure.authority_level = 'province' AND unit.code = procedure.agency_code
            AND last_day(procedure.month) BETWEEN unit.valid_from AND unit.valid_to
)
SELECT
    last_day(procedure.month) AS handled_on,
    handled.unit_code,
    procedure.procedure_code,
    procedure.has_fee,
    service.service_level,
    service.procedure_code IS NOT NULL AS has_online_service,
    coalesce(service.has_synchronised_fee, FALSE) AS has_synchronised_fee,
    CASE
        WHEN
            last_day(procedure.month)
            NOT BETWEEN procedure.valid_from AND coalesce(procedure.valid_to, DATE '9999-12-31') THEN 'not_valid'
        WHEN handled.unit_code IS NULL THEN 'no_agency'
    END AS excluded,
    procedure.month,
    procedure.delivery_id,
    procedure.delivery_line
FROM reference.procedure AS procedure
LEFT JOIN handled ON handled.procedure_code = procedure.procedure_code AND handled.month = procedure.month
LEFT JOIN statistics.service AS service
    ON service.procedure_code = procedure.procedure_code AND service.month = procedure.month
