WITH issued AS (
    SELECT DISTINCT agency_code
    FROM programme.plan
    WHERE month = date_trunc('month', $window_end) AND plan_status = 'issued' AND issued_on <= $window_end
)
SELECT
    agency.unit_code,
    count(issued.agency_code) AS numerator,
    count(*) AS denominator
FROM reference.agency AS agency
LEFT JOIN issued USING (agency_code)
WHERE
    agency.agency_level IN ('specialised', 'district')
    AND agency.valid_from <= $window_end
    AND (agency.valid_to IS NULL OR agency.valid_to >= $window_end)
GROUP BY agency.unit_code
