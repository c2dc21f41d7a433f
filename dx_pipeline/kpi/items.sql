-- Distinct items at every level: an item that two communes share is one item of their district. An item that is
-- looked for counts where a row with it is found within the same unit.
INSERT INTO rolled_up BY NAME
WITH placed AS (
    SELECT
        evaluation.evaluation_number,
        item.system,
        item.statistic,
        place.above_code AS unit_code,
        place.above_level AS unit_level,
        place.above_parent_code AS parent_code,
        item.is_looked_in,
        item.item,
        bool_or(item.is_counted) AS is_counted
    FROM item
    JOIN part USING (part_number)
    JOIN evaluation
        ON
            evaluation.kpi_code = item.kpi_code
            AND evaluation.definition_version = item.definition_version
            AND CASE item.basis
                WHEN 'flow' THEN part.first_on >= evaluation.first_on AND part.last_on <= evaluation.last_on
                ELSE part.last_on = evaluation.state_on
            END
    JOIN unit_above AS place
        ON
            place.from_period = part.period
            AND place.to_period = evaluation.period
            AND place.unit_code = item.unit_code
    GROUP BY ALL
),
among AS (
    SELECT * EXCLUDE (is_looked_in) FROM placed WHERE NOT is_looked_in
),
looked_in AS (
    SELECT DISTINCT evaluation_number, system, statistic, unit_code, item FROM placed WHERE is_looked_in
)
SELECT
    among.* EXCLUDE (item, is_counted),
    count(*) FILTER (
        among.is_counted
        AND CASE looked_for.is_wanted
            WHEN TRUE THEN looked_in.item IS NOT NULL
            WHEN FALSE THEN looked_in.item IS NULL
            ELSE TRUE
        END
    ) AS numerator,
    count(*) AS denominator
FROM among
JOIN evaluation USING (evaluation_number)
LEFT JOIN looked_for
    ON
        looked_for.kpi_code = evaluation.kpi_code
        AND looked_for.definition_version = evaluation.definition_version
        AND looked_for.statistic IS NOT DISTINCT FROM among.statistic
LEFT JOIN looked_in
    ON
        looked_in.evaluation_number = among.evaluation_number
        AND looked_in.unit_code = among.unit_code
        AND looked_in.item = among.item
        AND looked_in.system IS NOT DISTINCT FROM among.system
        AND looked_in.statistic IS NOT DISTINCT FROM among.statistic
GROUP BY ALL;
