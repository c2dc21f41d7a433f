SELECT
    last_day(milestone.month) AS reported_on,
    unit.unit_code,
    milestone.project_code,
    milestone.milestone_status = 'done' AND milestone.completed_on <= last_day(milestone.month) AS is_done,
    CASE WHEN unit.unit_code IS NULL THEN 'not_in_force' END AS excluded,
    milestone.month,
    milestone.delivery_id,
    milestone.delivery_line
FROM programme.project_milestone AS milestone
LEFT JOIN reference.unit_of AS unit
    ON unit.code = milestone.unit_code AND last_day(milestone.month) BETWEEN unit.valid_from AND unit.valid_to
