-- What the headline of the KPI in $path says: one row a statistic of the KPI.
SELECT statistic, value, numerator, denominator, target, coverage, window_type, window_end
FROM headline($path)
WHERE place = 1
ORDER BY statistic
