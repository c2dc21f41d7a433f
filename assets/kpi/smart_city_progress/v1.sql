SELECT
    unit_code,
    count(*) FILTER (WHERE milestone_status = 'done' AND completed_on <= $window_end) AS numerator,
    count(*) AS denominator
FROM programme.project_milestone
WHERE month = date_trunc('month', $window_end) AND project_code = 'hoa_thanh_smart_city'
GROUP BY unit_code
