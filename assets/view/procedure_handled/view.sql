SELECT
    last_day(procedure.month) AS handled_on,
    handling.unit_code,
    procedure.procedure_code,
    procedure.has_fee,
    service.service_level,
    service.procedure_code IS NOT NULL AS has_online_service,
    coalesce(service.has_synchronised_fee, FALSE) AS has_synchronised_fee,
    CASE
        WHEN
            last_day(procedure.month)
            NOT BETWEEN procedure.valid_from AND coalesce(procedure.valid_to, DATE '9999-12-31') THEN 'not_valid'
        WHEN handling.unit_code IS NULL THEN 'no_agency'
    END AS excluded,
    procedure.month,
    procedure.delivery_id,
    procedure.delivery_line
FROM reference.procedure AS procedure
LEFT JOIN view.handling_unit AS handling
    ON
        handling.authority_level = procedure.authority_level
        AND handling.agency_code
        IS NOT DISTINCT FROM CASE WHEN procedure.authority_level = 'province' THEN procedure.agency_code END
        AND last_day(procedure.month) BETWEEN handling.valid_from AND handling.valid_to
LEFT JOIN statistics.service AS service
    ON service.procedure_code = procedure.procedure_code AND service.month = procedure.month
