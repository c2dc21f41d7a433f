-- Counts, summed over the parts of each evaluation and up the units of its last day. A sum of sums is the same
-- sum at every level.
INSERT INTO rolled_up BY NAME
SELECT
    evaluated_part.evaluation_number,
    counted.system,
    counted.statistic,
    place.above_code AS unit_code,
    place.above_level AS unit_level,
    place.above_parent_code AS parent_code,
    sum(counted.numerator) AS numerator,
    sum(counted.denominator) AS denominator
FROM counted
JOIN evaluated_part USING (kpi_code, definition_version, basis, part_number)
JOIN unit_above AS place USING (from_period, to_period, unit_code)
GROUP BY ALL;
