SELECT
    last_day(service.month) AS offered_on,
    handling.unit_code,
    service.procedure_code,
    service.service_level,
    service.is_integrated,
    CASE WHEN handling.unit_code IS NULL THEN 'no_agency' END AS excluded,
    service.month,
    service.delivery_id,
    service.delivery_line
FROM statistics.service AS service
LEFT JOIN view.handling_unit AS handling
    ON
        handling.authority_level = service.authority_level
        AND handling.agency_code
        IS NOT DISTINCT FROM CASE WHEN service.authority_level = 'province' THEN service.agency_code END
        AND last_day(service.month) BETWEEN handling.valid_from AND handling.valid_to
