-- Every count with its coverage, and whether that is enough to publish a value.
CREATE OR REPLACE TEMP TABLE covered AS
WITH resting AS (
    SELECT
        rolled_up.*,
        evaluation.* EXCLUDE (evaluation_number, province_code),
        kpi.* EXCLUDE (kpi_code),
        input.* EXCLUDE (evaluation_number, system, coverage_units, coverage_rows),
        least(input.coverage_units, unit_input.coverage_units) AS coverage_units,
        least(input.coverage_rows, unit_input.coverage_rows) AS coverage_rows,
        coalesce(unit_input.coverage_units = 0, FALSE) AS is_silent
    FROM rolled_up
    JOIN evaluation USING (evaluation_number)
    JOIN kpi ON kpi.kpi_code = evaluation.kpi_code
    JOIN asked
        ON
            asked.kpi_code = evaluation.kpi_code
            AND asked.statistic IS NOT DISTINCT FROM rolled_up.statistic
            AND list_contains(asked.levels, rolled_up.unit_level)
    JOIN input
        ON
            input.evaluation_number = rolled_up.evaluation_number
            AND input.system IS NOT DISTINCT FROM rolled_up.system
    LEFT JOIN unit_input
        ON
            unit_input.evaluation_number = rolled_up.evaluation_number
            AND unit_input.unit_code = rolled_up.unit_code
)
SELECT
    *,
    least(coverage_units, coverage_rows) AS coverage,
    withheld_below IS NOT NULL AND unit_level <> 'province' AS is_of_dossiers,
    -- Too many rows in quarantine among few: whose reason is that they are few.
    is_of_dossiers AND definition_version IS NOT NULL AND is_complete AND NOT is_silent
    AND coverage_units >= coverage_at_least AND coverage_rows < coverage_at_least
    AND coalesce(greatest(numerator, denominator) < withheld_below, FALSE) AS rests_on_few,
    definition_version IS NOT NULL AND is_complete AND NOT is_silent
    AND least(coverage_units, coverage_rows) >= coverage_at_least AS is_publishable
FROM resting
