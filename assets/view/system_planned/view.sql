WITH registered AS (
    SELECT DISTINCT last_day(month) AS registered_on FROM connection.register
),
live AS (
    SELECT DISTINCT system, registered_on
    FROM view.connection_live
    WHERE excluded IS NULL AND go_live_on <= registered_on
)
SELECT
    registered.registered_on,
    planned.system,
    live.system IS NOT NULL AS is_live,
    CASE WHEN NOT planned.is_planned THEN 'not_planned' END AS excluded,
    planned.delivery_id,
    planned.delivery_line
FROM reference.system AS planned
LEFT JOIN registered ON TRUE
LEFT JOIN live ON live.system = planned.system AND live.registered_on = registered.registered_on
