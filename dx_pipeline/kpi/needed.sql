-- The parts of months that each evaluation adds up: of a flow those of its days, of a stock the one that ends with the
-- day of the state.
CREATE TEMP TABLE evaluated_part AS
SELECT
    evaluation.evaluation_number,
    evaluation.kpi_code,
    evaluation.definition_version,
    basis.basis,
    part.part_number,
    part.period AS from_period,
    evaluation.period AS to_period
FROM evaluation
CROSS JOIN (VALUES ('flow'), ('stock')) AS basis (basis)
JOIN part
    ON CASE basis.basis
        WHEN 'flow' THEN part.first_on >= evaluation.first_on AND part.last_on <= evaluation.last_on
        WHEN 'stock' THEN part.last_on = evaluation.state_on
    END;
-- The months that each evaluation needs of each table: of a flow those of its days, of a stock that of the day of the
-- state. A window that is divided needs what its parts need.
CREATE TEMP TABLE needed AS
WITH needing AS (
    SELECT evaluation_number, period, evaluation_number AS part_number FROM evaluation WHERE NOT is_divided
    UNION ALL
    SELECT divided.evaluation_number, divided.period, part.evaluation_number AS part_number
    FROM evaluation AS divided
    JOIN evaluation AS part USING (kpi_code, window_type, window_start, window_end)
    WHERE divided.is_divided AND NOT part.is_divided AND part.units_on IS NULL
)
SELECT DISTINCT
    needing.evaluation_number,
    evaluation.kpi_code,
    needing.period AS to_period,
    kpi_table.table_name,
    month.first_on AS month
FROM needing
JOIN evaluation ON evaluation.evaluation_number = needing.part_number
JOIN kpi_table USING (kpi_code, definition_version)
JOIN month
    ON CASE kpi_table.basis
        WHEN 'flow' THEN month.first_on <= evaluation.last_on AND month.last_on >= evaluation.first_on
        WHEN 'stock' THEN month.last_on = evaluation.state_on
    END;
