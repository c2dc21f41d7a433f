-- Distinct items at every level: an item that two communes share is one item of their district. An item that is
-- looked for counts where a row with it is found within the same unit.
INSERT INTO rolled_up BY NAME
WITH own AS (
    -- Within each unit first: an item is in many parts of a window, and in few units.
    SELECT
        evaluated_part.evaluation_number,
        from_period,
        to_period,
        item.system,
        item.statistic,
        item.unit_code,
        item.item,
        bool_or(NOT item.is_looked_in) AS is_among,
        bool_or(item.is_counted) FILTER (NOT item.is_looked_in) AS is_counted,
        bool_or(item.is_looked_in) AS is_found
    FROM item
    JOIN evaluated_part USING (kpi_code, definition_version, basis, part_number)
    GROUP BY ALL
),
placed AS (
    SELECT
        own.evaluation_number,
        own.system,
        own.statistic,
        place.above_code AS unit_code,
        any_value(place.above_level) AS unit_level,
        any_value(place.above_parent_code) AS parent_code,
        own.item,
        bool_or(own.is_among) AS is_among,
        bool_or(own.is_counted) AS is_counted,
        bool_or(own.is_found) AS is_found
    FROM own
    JOIN unit_above AS place USING (from_period, to_period, unit_code)
    GROUP BY ALL
)
SELECT
    placed.* EXCLUDE (item, is_among, is_counted, is_found),
    count(*) FILTER (placed.is_counted AND coalesce(placed.is_found = looked_for.is_wanted, TRUE)) AS numerator,
    count(*) AS denominator
FROM placed
JOIN evaluation USING (evaluation_number)
LEFT JOIN looked_for
    ON
        looked_for.kpi_code = evaluation.kpi_code
        AND looked_for.definition_version = evaluation.definition_version
        AND looked_for.statistic IS NOT DISTINCT FROM placed.statistic
WHERE placed.is_among
GROUP BY ALL;
