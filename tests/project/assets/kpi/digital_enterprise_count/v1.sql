SELECT unit_code, sum(enterprise_count) AS numerator, NULL AS denominator
FROM programme.digital_enterprise
WHERE month = date_trunc('month', $window_end)
GROUP BY unit_code
