SELECT
    dossier.ended_on,
    unit.unit_code,
    dossier.procedure_code,
    coalesce(dossier.channel, 'direct') AS channel,
    dossier.dossier_status,
    dossier.received_on,
    dossier.deadline_on,
    coalesce(dossier.ended_on > dossier.deadline_on, FALSE) AS is_late,
    dossier.has_complaint,
    dossier.dossier_status = 'finished' AND coalesce(procedure.requires_result, FALSE) AS has_result_document,
    dossier.has_electronic_result,
    dossier.is_digitised,
    dossier.as_of,
    CASE
        WHEN dossier.dossier_status = 'in_progress' THEN 'in_progress'
        WHEN dossier.ended_on IS NULL THEN 'no_day'
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM view.dossier_deadline AS dossier
LEFT JOIN reference.unit_of AS unit
    ON unit.code = dossier.agency_code AND dossier.ended_on BETWEEN unit.valid_from AND unit.valid_to
LEFT JOIN reference.procedure AS procedure
    ON
        procedure.procedure_code = dossier.procedure_code
        AND procedure.month = date_trunc('month', dossier.ended_on)
