-- Of the dossiers that the national systems have of an agency, those that are synchronised and those that are not.
SELECT
    last_day(portal_sync.month) AS counted_on,
    unit.unit_code,
    half.is_synchronised,
    CASE
        WHEN half.is_synchronised THEN portal_sync.synchronised_count
        ELSE
            greatest(portal_sync.reported_count, portal_sync.portal_received_count) - portal_sync.synchronised_count
    END AS dossier_count,
    CASE WHEN unit.unit_code IS NULL THEN 'not_in_force' END AS excluded,
    portal_sync.month,
    portal_sync.delivery_id,
    portal_sync.delivery_line
FROM statistics.portal_sync AS portal_sync
CROSS JOIN (VALUES (TRUE), (FALSE)) AS half (is_synchronised)
LEFT JOIN reference.unit_of AS unit
    ON unit.code = portal_sync.agency_code AND last_day(portal_sync.month) BETWEEN unit.valid_from AND unit.valid_to
