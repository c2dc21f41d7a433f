-- From counts to values: ratio and rounding, target and trajectory, published figure, status.
INSERT INTO staged BY NAME
WITH shown AS (
    SELECT
        rolled_up.*,
        evaluated_window.* EXCLUDE (window_number),
        window_input.* EXCLUDE (window_number, system),
        withheld.unit_code IS NOT NULL AS suppressed
    FROM rolled_up
    JOIN evaluated_window USING (window_number)
    JOIN window_input
        ON
            window_input.window_number = rolled_up.window_number
            AND window_input.system IS NOT DISTINCT FROM rolled_up.system
    LEFT JOIN withheld USING (window_number, unit_code)
),
valued AS (
    SELECT
        *,
        CASE
            WHEN suppressed OR NOT is_covered THEN NULL
            WHEN given_value IS NOT NULL THEN round(given_value, $decimals)
            WHEN $is_plain_count THEN round(numerator, $decimals)
            WHEN denominator > 0 THEN half_up(numerator, denominator, $factor * 10 ** $decimals) / 10 ** $decimals
        END AS value
    FROM shown
),
aimed AS (
    SELECT
        valued.*,
        coalesce(valued.own_target, target.target) AS target,
        target.due_on AS target_due,
        CASE
            WHEN target.baseline_on IS NOT NULL AND valued.window_end >= target.baseline_on
                THEN round(target.baseline + (target.target - target.baseline) * target.elapsed_share, 6)
        END AS trajectory
    FROM valued
    LEFT JOIN LATERAL (
        -- The target that is next due; where all are past, the last one.
        SELECT *, least(1, (valued.window_end - baseline_on) / (due_on - baseline_on)) AS elapsed_share
        FROM programme.target
        WHERE
            target.kpi_code = $kpi_code AND target.unit_code = valued.unit_code
            AND valued.own_target IS NULL AND valued.system IS NULL
        ORDER BY due_on < valued.window_end, abs(due_on - valued.window_end)
        LIMIT 1
    ) AS target ON TRUE
)
SELECT
    $kpi_code AS kpi_code,
    definition_version,
    window_type,
    window_start,
    window_end,
    aimed.unit_code,
    aimed.unit_level,
    aimed.system,
    aimed.statistic,
    CASE WHEN is_covered AND NOT suppressed THEN aimed.numerator END AS numerator,
    CASE WHEN is_covered AND NOT suppressed THEN aimed.denominator END AS denominator,
    aimed.value,
    $unit_of_measure AS unit_of_measure,
    target,
    target_due,
    trajectory,
    CASE
        WHEN aimed.value IS NULL THEN 'not_enough_data'
        WHEN target IS NULL THEN 'no_target'
        WHEN $sign * aimed.value >= $sign * target THEN 'met'
        WHEN own_target IS NOT NULL OR target_due < window_end THEN 'off_track'
        WHEN trajectory IS NULL THEN 'at_risk'
        WHEN $sign * aimed.value >= $sign * trajectory THEN 'on_track'
        WHEN $sign * (aimed.value - trajectory) >= -0.1 * abs(trajectory) THEN 'at_risk'
        ELSE 'off_track'
    END AS status,
    coverage,
    published.value AS published_value,
    -- A figure that was only reported has nothing computed to be compared with.
    CASE WHEN NOT $is_reported THEN round(aimed.value - published.value, 6) END AS published_difference,
    suppressed,
    aimed.synthetic,
    revision
FROM aimed
LEFT JOIN programme.published_figure AS published
    ON
        published.kpi_code = $kpi_code AND published.unit_code = aimed.unit_code
        AND published.period_start = window_start AND published.period_end = window_end
        AND aimed.system IS NULL AND aimed.statistic IS NULL
ORDER BY window_end, window_type, aimed.unit_level, aimed.unit_code, aimed.system, aimed.statistic
