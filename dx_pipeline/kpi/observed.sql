-- What free SQL returned: counts are summed up the unit tree, a value is shown for its own unit alone.
INSERT INTO rolled_up BY NAME
SELECT
    observed.evaluation_number,
    observed.system,
    observed.statistic,
    place.above_code AS unit_code,
    place.above_level AS unit_level,
    place.above_parent_code AS parent_code,
    sum(observed.numerator) AS numerator,
    sum(observed.denominator) AS denominator,
    max(observed.value) AS given_value
FROM observed
JOIN evaluation USING (evaluation_number)
JOIN unit_above AS place
    ON
        place.from_period = evaluation.period
        AND place.to_period = evaluation.period
        AND place.unit_code = coalesce(observed.unit_code, evaluation.province_code)
WHERE observed.value IS NULL OR place.above_code = place.unit_code
GROUP BY ALL;
