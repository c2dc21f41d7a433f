-- The unit tree on the last day of each window: every unit with itself and everything above it.
CREATE OR REPLACE TEMP TABLE unit_above AS
WITH RECURSIVE day AS (
    SELECT DISTINCT window_end FROM evaluated_window
),
unit AS (
    SELECT day.window_end, unit.unit_code, unit.unit_level, unit.parent_code
    FROM reference.admin_unit AS unit
    JOIN day
        ON
            unit.valid_from <= day.window_end
            AND (unit.valid_to IS NULL OR unit.valid_to >= day.window_end)
    UNION ALL
    -- A specialised agency is a unit of its own, directly under the province.
    SELECT day.window_end, agency.unit_code, 'agency' AS unit_level, province.unit_code AS parent_code
    FROM reference.agency AS agency
    JOIN day
        ON
            agency.valid_from <= day.window_end
            AND (agency.valid_to IS NULL OR agency.valid_to >= day.window_end)
    JOIN reference.admin_unit AS province
        ON
            province.unit_level = 'province'
            AND province.valid_from <= day.window_end
            AND (province.valid_to IS NULL OR province.valid_to >= day.window_end)
    WHERE agency.agency_level = 'specialised'
),
climb AS (
    SELECT window_end, unit_code, unit_code AS above_code, parent_code AS next_code FROM unit
    UNION ALL
    SELECT climb.window_end, climb.unit_code, unit.unit_code AS above_code, unit.parent_code AS next_code
    FROM climb
    JOIN unit ON unit.window_end = climb.window_end AND unit.unit_code = climb.next_code
)
SELECT
    climb.window_end,
    climb.unit_code,
    climb.above_code,
    above.unit_level AS above_level,
    above.parent_code AS above_parent_code
FROM climb
JOIN unit AS above ON above.window_end = climb.window_end AND above.unit_code = climb.above_code
