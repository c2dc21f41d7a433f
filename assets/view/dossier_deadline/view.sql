-- A dossier is on time until its deadline. That is the day it is due, or else the last of the working days that the law
-- allows from the day after receipt. One request for a supplement stops the clock: the days until the supplement comes
-- are added, and none is late while it is waited for. With more than one, a dossier is late whenever it ends.
WITH day AS (
    SELECT
        day,
        isodow(day) < 6 AND day NOT IN (SELECT holiday.day FROM reference.holiday) AS is_working
    FROM (
        SELECT unnest(range(first_on, last_on, INTERVAL 1 DAY))::DATE AS day
        FROM (
            SELECT
                (SELECT min(received_on) FROM statistics.dossier) AS first_on,
                (SELECT max(received_on) FROM statistics.dossier)
                + 2 * (SELECT max(statutory_days) FROM reference.procedure)::INTEGER + 60 AS last_on
        )
    )
),
calendar AS (
    SELECT
        day,
        is_working,
        count(*) FILTER (WHERE is_working) OVER (ORDER BY day) AS working_days
    FROM day
),
with_due_day AS (
    SELECT
        dossier.*,
        coalesce(
            dossier.due_on,
            CASE WHEN procedure.statutory_days = 0 THEN dossier.received_on ELSE last_allowed.day END
        ) AS due_day,
        CASE WHEN coalesce(dossier.supplement_count, 1) = 1 THEN dossier.supplement_requested_on END AS stopped_clock_on
    FROM statistics.dossier AS dossier
    LEFT JOIN reference.procedure AS procedure
        ON
            dossier.due_on IS NULL
            AND procedure.procedure_code = dossier.procedure_code
            AND procedure.month = date_trunc('month', dossier.received_on)
    LEFT JOIN calendar AS received ON dossier.due_on IS NULL AND received.day = dossier.received_on
    LEFT JOIN calendar AS last_allowed
        ON
            last_allowed.is_working
            AND last_allowed.working_days = received.working_days + procedure.statutory_days
)
SELECT
    dossier.received_on,
    dossier.procedure_code,
    dossier.agency_code,
    dossier.channel,
    dossier.dossier_status,
    dossier.due_on,
    coalesce(dossier.finished_on, dossier.returned_on, dossier.stopped_on) AS ended_on,
    CASE
        WHEN dossier.supplement_count > 1 THEN dossier.received_on - 1
        WHEN dossier.stopped_clock_on IS NULL OR dossier.stopped_clock_on > dossier.due_day THEN dossier.due_day
        WHEN dossier.supplement_received_on IS NULL THEN DATE '9999-12-31'
        ELSE dossier.due_day + (dossier.supplement_received_on - dossier.stopped_clock_on)::INTEGER
    END AS deadline_on,
    coalesce(dossier.has_complaint, FALSE) AS has_complaint,
    coalesce(dossier.has_electronic_result, FALSE) AS has_electronic_result,
    coalesce(
        dossier.has_digitised_result AND dossier.components_digitised_count >= dossier.components_count, FALSE
    ) AS is_digitised,
    dossier.as_of,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM with_due_day AS dossier
