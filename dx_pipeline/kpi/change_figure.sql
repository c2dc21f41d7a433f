-- The values of this release, and of the one before if `is_before`, each with the figure that it is a part of: that of
-- the unit above it, or that of all systems together.
CREATE OR REPLACE TEMP TABLE figure AS
WITH numbered AS (
    SELECT
        row_number() OVER () AS figure_number,
        known_value.*,
        coalesce(known_value.part_end, known_value.window_end) AS last_on,
        -- It begins under other units than it ends.
        coalesce(known_value.part_start, known_value.window_start) < unit_period.first_on AS is_crossed,
        unit_period.period,
        unit_period.parent_code,
        known_value.numerator IS NOT NULL AS is_counted,
        coalesce(known_value.withheld_reason IN ('silent', 'low_coverage', 'incomplete'), FALSE) AS lacks_reports,
        CASE kpi_kind.members WHEN 'units' THEN unit_period.parent_code WHEN 'systems' THEN known_value.unit_code END
            AS whole_unit,
        CASE kpi_kind.members WHEN 'units' THEN known_value.system END AS whole_system,
        CASE kpi_kind.members WHEN 'units' THEN known_value.unit_code WHEN 'systems' THEN known_value.system END
            AS member_code
    FROM known_value
    LEFT JOIN kpi_kind USING (kpi_code)
    LEFT JOIN unit_period
        ON
            unit_period.unit_code = known_value.unit_code
            AND coalesce(known_value.part_end, known_value.window_end)
            BETWEEN unit_period.first_on AND unit_period.last_on
)
SELECT numbered.*, whole.figure_number AS whole_number
FROM numbered
LEFT JOIN numbered AS whole
    ON
        whole.is_before = numbered.is_before
        AND whole.kpi_code = numbered.kpi_code
        AND whole.window_type = numbered.window_type AND whole.window_end = numbered.window_end
        AND whole.part_start IS NOT DISTINCT FROM numbered.part_start
        AND whole.statistic IS NOT DISTINCT FROM numbered.statistic
        AND whole.unit_code = numbered.whole_unit
        AND whole.system IS NOT DISTINCT FROM numbered.whole_system
        AND numbered.member_code IS NOT NULL;

-- Which value is compared with which.
CREATE OR REPLACE TEMP TABLE pair (compared_with VARCHAR, before_number BIGINT, after_number BIGINT);
