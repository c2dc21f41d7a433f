WITH offered AS (
    -- Every unit at which a service can be used: its own agency at province level, each district's
    -- or commune's committee below.
    SELECT service.procedure_code, agency.unit_code, service.is_integrated
    FROM statistics.service AS service
    JOIN reference.agency AS agency
        ON
            CASE service.authority_level
                WHEN 'province' THEN agency.agency_code = service.agency_code
                ELSE agency.agency_level = service.authority_level
            END
    WHERE
        service.month = date_trunc('month', $window_end)
        AND agency.valid_from <= $window_end
        AND (agency.valid_to IS NULL OR agency.valid_to >= $window_end)
        AND service.service_level = 'full'
)
SELECT unit_code, procedure_code AS item, is_integrated AS is_counted
FROM offered
