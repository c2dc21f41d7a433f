SELECT
    dossier.received_on,
    unit.unit_code,
    dossier.procedure_code,
    coalesce(dossier.channel, 'direct') AS channel,
    dossier.channel IS NULL AS is_channel_missing,
    service.procedure_code IS NOT NULL AS has_online_service,
    coalesce(procedure.is_full_online_eligible, FALSE) AS is_full_online_eligible,
    coalesce(procedure.has_fee AND dossier.fee_vnd IS DISTINCT FROM 0, FALSE) AS has_fee_to_pay,
    coalesce(dossier.paid_online, FALSE) AS is_paid_online,
    coalesce(dossier.components_reused_count, 0) AS reused_count,
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
LEFT JOIN statistics.service AS service
    ON service.procedure_code = dossier.procedure_code AND service.month = date_trunc('month', dossier.received_on)
LEFT JOIN reference.procedure AS procedure
    ON
        procedure.procedure_code = dossier.procedure_code
        AND procedure.month = date_trunc('month', dossier.received_on)
