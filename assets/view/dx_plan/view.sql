WITH reported AS (
    SELECT DISTINCT month FROM programme.plan
),
expected AS (
    SELECT reported.month, agency.agency_code, agency.agency_level, agency.unit_code
    FROM reported
    JOIN reference.agency AS agency
        ON
            agency.valid_from <= last_day(reported.month)
            AND (agency.valid_to IS NULL OR agency.valid_to >= last_day(reported.month))
)
SELECT
    coalesce(expected.month, plan.month) AS month,
    last_day(coalesce(expected.month, plan.month)) AS reported_on,
    expected.unit_code,
    expected.agency_level,
    coalesce(plan.plan_status = 'issued' AND plan.issued_on <= last_day(plan.month), FALSE) AS is_issued,
    CASE WHEN expected.agency_code IS NULL THEN 'not_in_force' END AS excluded,
    plan.delivery_id,
    plan.delivery_line
FROM expected
FULL JOIN programme.plan AS plan ON plan.agency_code = expected.agency_code AND plan.month = expected.month
