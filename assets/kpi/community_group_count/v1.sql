SELECT unit_code, count(*) AS numerator, NULL AS denominator
FROM programme.community_group
WHERE
    month = date_trunc('month', $window_end)
    AND established_on <= $window_end
    AND (dissolved_on IS NULL OR dissolved_on > $window_end)
GROUP BY unit_code
