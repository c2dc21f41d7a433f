SELECT
    last_day(enterprise.month) AS counted_on,
    unit.unit_code,
    enterprise.enterprise_count,
    enterprise.solution_provider_count,
    CASE
        WHEN enterprise.enterprise_status <> 'active' THEN 'not_active'
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    enterprise.month,
    enterprise.delivery_id,
    enterprise.delivery_line
FROM programme.digital_enterprise AS enterprise
LEFT JOIN reference.unit_of AS unit
    ON unit.code = enterprise.unit_code AND last_day(enterprise.month) BETWEEN unit.valid_from AND unit.valid_to
