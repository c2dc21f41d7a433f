-- Distinct items at every level: an item that two communes share is one item of their district. An item that is
-- looked for counts where a row with it is found within the same unit.
--
-- Items are numbered, and a set of them is a row of bits for each 1024: united part by part and unit by unit, such sets
-- take a fifth of the time that grouping the items themselves does.
INSERT INTO rolled_up BY NAME
WITH numbered AS (
    SELECT item, row_number() OVER (ORDER BY item) - 1 AS number FROM (SELECT DISTINCT item FROM item)
),
own AS (
    SELECT
        item.kpi_code,
        item.definition_version,
        item.basis,
        item.part_number,
        item.system,
        item.statistic,
        item.unit_code,
        numbered.number // 1024 AS block,
        bitstring_agg(numbered.number % 1024, 0, 1023) FILTER (NOT item.is_looked_in) AS among,
        bitstring_agg(numbered.number % 1024, 0, 1023) FILTER (NOT item.is_looked_in AND item.is_counted) AS counted,
        bitstring_agg(numbered.number % 1024, 0, 1023) FILTER (item.is_looked_in) AS found
    FROM item
    JOIN numbered ON numbered.item IS NOT DISTINCT FROM item.item
    GROUP BY ALL
),
placed AS (
    SELECT
        evaluated_part.evaluation_number,
        evaluated_part.kpi_code,
        evaluated_part.definition_version,
        own.system,
        own.statistic,
        place.above_code AS unit_code,
        any_value(place.above_level) AS unit_level,
        any_value(place.above_parent_code) AS parent_code,
        own.block,
        bit_or(own.among) AS among,
        bit_or(own.counted) AS counted,
        coalesce(bit_or(own.found), bitstring('0', 1024)) AS found
    FROM own
    JOIN evaluated_part USING (kpi_code, definition_version, basis, part_number)
    JOIN unit_above AS place USING (from_period, to_period, unit_code)
    GROUP BY ALL
)
SELECT
    placed.evaluation_number,
    placed.system,
    placed.statistic,
    placed.unit_code,
    placed.unit_level,
    placed.parent_code,
    coalesce(sum(bit_count(
        CASE looked_for.is_wanted
            WHEN TRUE THEN placed.counted & placed.found
            WHEN FALSE THEN placed.counted & ~placed.found
            ELSE placed.counted
        END
    )), 0) AS numerator,
    sum(bit_count(placed.among)) AS denominator
FROM placed
LEFT JOIN looked_for
    ON
        looked_for.kpi_code = placed.kpi_code
        AND looked_for.definition_version = placed.definition_version
        AND looked_for.statistic IS NOT DISTINCT FROM placed.statistic
WHERE placed.among IS NOT NULL
GROUP BY ALL;
