SELECT unit_code, sum(solution_provider_count) AS numerator, NULL AS denominator
FROM programme.digital_enterprise
WHERE month = date_trunc('month', $window_end) AND enterprise_status = 'active'
GROUP BY unit_code
