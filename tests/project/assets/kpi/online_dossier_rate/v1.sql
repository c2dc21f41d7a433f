SELECT
    agency.unit_code,
    count(*) FILTER (coalesce(dossier.channel, 'direct') = 'online') AS numerator,
    count(*) AS denominator
FROM statistics.dossier AS dossier
JOIN reference.agency AS agency USING (agency_code)
WHERE dossier.received_on BETWEEN $window_start AND $window_end
GROUP BY agency.unit_code
