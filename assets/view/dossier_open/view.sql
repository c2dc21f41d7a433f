-- A dossier is in progress at the end of each month from that of its receipt to the last one before its end.
WITH delivered AS (
    SELECT DISTINCT last_day(month) AS open_on FROM statistics.dossier
)
SELECT
    delivered.open_on,
    unit.unit_code,
    dossier.procedure_code,
    coalesce(dossier.channel, 'direct') AS channel,
    dossier.received_on,
    dossier.deadline_on,
    coalesce(delivered.open_on > dossier.deadline_on, FALSE) AS is_overdue,
    dossier.has_complaint,
    dossier.as_of,
    CASE
        WHEN dossier.dossier_status <> 'in_progress' AND dossier.ended_on IS NULL THEN 'no_day'
        WHEN delivered.open_on IS NULL THEN 'not_open'
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM view.dossier_deadline AS dossier
LEFT JOIN delivered
    ON
        delivered.open_on >= dossier.received_on
        AND (dossier.dossier_status = 'in_progress' OR delivered.open_on < dossier.ended_on)
LEFT JOIN reference.unit_of AS unit
    ON unit.code = dossier.agency_code AND delivered.open_on BETWEEN unit.valid_from AND unit.valid_to
