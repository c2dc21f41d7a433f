-- Counts, summed over the parts of each evaluation and up the units of its last day. A sum of sums is the same
-- sum at every level.
INSERT INTO rolled_up BY NAME
SELECT
    evaluation.evaluation_number,
    counted.system,
    counted.statistic,
    place.above_code AS unit_code,
    place.above_level AS unit_level,
    place.above_parent_code AS parent_code,
    sum(counted.numerator) AS numerator,
    sum(counted.denominator) AS denominator
FROM counted
JOIN part USING (part_number)
JOIN evaluation
    ON
        evaluation.kpi_code = counted.kpi_code
        AND evaluation.definition_version = counted.definition_version
        AND CASE counted.basis
            WHEN 'flow' THEN part.first_on >= evaluation.first_on AND part.last_on <= evaluation.last_on
            ELSE part.last_on = evaluation.state_on
        END
JOIN unit_above AS place
    ON
        place.from_period = part.period
        AND place.to_period = evaluation.period
        AND place.unit_code = counted.unit_code
GROUP BY ALL;
