-- Every window has a row for the whole province, for each system and statistic, also where nothing is known.
INSERT INTO rolled_up BY NAME
SELECT
    input.evaluation_number,
    input.system,
    asked.statistic,
    evaluation.province_code AS unit_code,
    'province' AS unit_level,
    -- A window that is complete and has no row counted nothing: that is a zero, and known.
    CASE WHEN input.is_complete AND kpi.is_plain_count THEN 0 END AS numerator,
    CASE WHEN input.is_complete AND kpi.is_plain_count AND kpi.has_denominator THEN 0 END AS denominator
FROM input
JOIN evaluation USING (evaluation_number)
JOIN kpi USING (kpi_code)
JOIN asked USING (kpi_code)
WHERE
    evaluation.province_code IS NOT NULL
    AND NOT EXISTS (
        SELECT * FROM rolled_up
        WHERE
            rolled_up.evaluation_number = input.evaluation_number AND rolled_up.unit_level = 'province'
            AND rolled_up.system IS NOT DISTINCT FROM input.system
            AND rolled_up.statistic IS NOT DISTINCT FROM asked.statistic
    );
