WITH offered AS (
    -- Every unit at which a service can be used: its own agency at province level, each district's
    -- or commune's committee below.
    SELECT service.procedure_code, agency.unit_code
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
),
used AS (
    SELECT DISTINCT dossier.procedure_code, agency.unit_code
    FROM statistics.dossier AS dossier
    JOIN reference.agency AS agency USING (agency_code)
    WHERE dossier.channel = 'online' AND dossier.received_on BETWEEN $window_start AND $window_end
)
SELECT offered.unit_code, offered.procedure_code AS item, used.procedure_code IS NOT NULL AS is_counted
FROM offered
LEFT JOIN used USING (procedure_code, unit_code)
