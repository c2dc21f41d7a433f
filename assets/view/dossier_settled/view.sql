SELECT
    coalesce(dossier.finished_on, dossier.returned_on, dossier.stopped_on) AS ended_on,
    unit.unit_code,
    dossier.procedure_code,
    coalesce(dossier.channel, 'direct') AS channel,
    dossier.dossier_status,
    dossier.received_on,
    dossier.due_on,
    coalesce(ended_on > dossier.due_on, FALSE) AS is_late,
    dossier.as_of,
    CASE
        WHEN dossier.dossier_status = 'in_progress' THEN 'in_progress'
        WHEN ended_on IS NULL THEN 'no_day'
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM statistics.dossier AS dossier
LEFT JOIN reference.unit_of AS unit
    ON
        unit.code = dossier.agency_code
        AND coalesce(dossier.finished_on, dossier.returned_on, dossier.stopped_on)
        BETWEEN unit.valid_from AND unit.valid_to
