SELECT
    agency.unit_code,
    count(*) FILTER (WHERE coalesce(dossier.channel, 'direct') = 'online') AS numerator,
    count(*) AS denominator
FROM statistics.dossier AS dossier
JOIN reference.agency AS agency USING (agency_code)
WHERE
    dossier.received_on BETWEEN $window_start AND $window_end
    AND agency.valid_from <= dossier.received_on
    AND (agency.valid_to IS NULL OR agency.valid_to >= dossier.received_on)
GROUP BY agency.unit_code
