-- Counts by system also count for all systems together.
INSERT INTO rolled_up BY NAME
SELECT
    rolled_up.* EXCLUDE (system, numerator, denominator),
    NULL::VARCHAR AS system,
    sum(rolled_up.numerator) AS numerator,
    sum(rolled_up.denominator) AS denominator
FROM rolled_up
WHERE rolled_up.system IS NOT NULL AND rolled_up.given_value IS NULL
GROUP BY ALL;
