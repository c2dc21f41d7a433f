SELECT
    dossier.received_on,
    unit.unit_code,
    coalesce(dossier.channel, 'direct') AS channel,
    dossier.as_of,
    CASE
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM statistics.dossier AS dossier
LEFT JOIN reference.unit_of AS unit
    ON unit.code = dossier.agency_code AND dossier.received_on BETWEEN unit.valid_from AND unit.valid_to
