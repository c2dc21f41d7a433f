-- From counts to values: ratio and rounding, target and trajectory, published figure, status.
INSERT INTO staged BY NAME
WITH shown AS (
    SELECT
        covered.*,
        withheld.unit_code IS NOT NULL OR rests_on_few AS suppressed,
        covered.is_publishable AND withheld.unit_code IS NULL AS is_shown,
        is_of_dossiers AND coverage_rows < 1 AND NOT is_shown
        AND (suppressed OR coalesce(greatest(numerator, denominator) < withheld_below, TRUE)) AS is_given_away,
        (10 ** covered.decimals)::INTEGER AS scale
    FROM covered
    LEFT JOIN withheld
        ON
            withheld.evaluation_number = covered.evaluation_number
            AND withheld.statistic IS NOT DISTINCT FROM covered.statistic AND withheld.unit_code = covered.unit_code
),
valued AS (
    SELECT
        *,
        CASE
            WHEN NOT is_shown THEN NULL
            WHEN given_value IS NOT NULL THEN round(given_value * scale) / scale
            WHEN is_plain_count THEN round(numerator::DOUBLE * scale) / scale
            WHEN denominator > 0 THEN half_up(numerator, denominator, factor * scale) / scale
        END AS value
    FROM shown
),
aimed AS (
    SELECT
        valued.*,
        coalesce(agreed.target, target.target) AS target,
        agreed.target IS NOT NULL AS is_agreed,
        target.due_on AS target_due,
        CASE
            WHEN target.baseline_on IS NOT NULL AND valued.window_end >= target.baseline_on
                THEN round(target.baseline + (target.target - target.baseline) * target.elapsed_share, 6)
        END AS trajectory
    FROM valued
    LEFT JOIN agreed
        ON
            agreed.kpi_code = valued.kpi_code
            AND agreed.system = valued.system
            AND agreed.statistic IS NOT DISTINCT FROM valued.statistic
            AND agreed.agreed_on = valued.state_on
    LEFT JOIN LATERAL (
        -- The target that is next due; where all are past, the last one.
        SELECT *, least(1, (valued.window_end - baseline_on) / (due_on - baseline_on)) AS elapsed_share
        FROM programme.target
        WHERE
            target.kpi_code = valued.kpi_code AND target.unit_code = valued.unit_code
            AND agreed.target IS NULL AND valued.system IS NULL
        ORDER BY due_on < valued.window_end, abs(due_on - valued.window_end)
        LIMIT 1
    ) AS target ON TRUE
)
SELECT
    aimed.kpi_code,
    last_version AS definition_version,
    window_type,
    window_start,
    window_end,
    part_start,
    part_end,
    units_on,
    aimed.unit_code,
    aimed.unit_level,
    aimed.system,
    aimed.statistic,
    CASE WHEN is_shown THEN aimed.numerator END AS numerator,
    CASE WHEN is_shown THEN aimed.denominator END AS denominator,
    aimed.value,
    CASE
        WHEN aimed.value IS NOT NULL THEN NULL
        WHEN is_divided THEN 'definition_changed'
        WHEN definition_version IS NULL THEN 'no_definition'
        WHEN NOT is_complete THEN 'incomplete'
        WHEN is_silent THEN 'silent'
        WHEN coverage < coverage_at_least AND NOT rests_on_few THEN 'low_coverage'
        WHEN suppressed THEN 'few_dossiers'
        WHEN aimed.denominator = 0 THEN 'nothing_to_count'
        ELSE 'not_measured'
    END AS withheld_reason,
    aimed.unit_of_measure,
    target,
    target_due,
    trajectory,
    CASE
        WHEN aimed.value IS NULL THEN 'not_enough_data'
        WHEN target IS NULL THEN 'no_target'
        WHEN sign * aimed.value >= sign * target THEN 'met'
        WHEN is_agreed OR target_due < window_end THEN 'off_track'
        WHEN trajectory IS NULL THEN 'at_risk'
        WHEN sign * aimed.value >= sign * trajectory THEN 'on_track'
        WHEN sign * (aimed.value - trajectory) >= -0.1 * abs(trajectory) THEN 'at_risk'
        ELSE 'off_track'
    END AS status,
    -- Shares in whole percent, rounded down: exact ones would reveal withheld counts. So would any share of rows in
    -- quarantine, because how many are there is known.
    CASE WHEN NOT is_given_away THEN floor(round(coverage * 100, 6)) / 100 END AS coverage,
    floor(round(coverage_units * 100, 6)) / 100 AS coverage_units,
    CASE WHEN NOT is_given_away THEN floor(round(coverage_rows * 100, 6)) / 100 END AS coverage_rows,
    stale_inputs,
    published.value AS published_value,
    -- A figure that was only reported has nothing computed to be compared with.
    CASE WHEN NOT is_reported THEN round(aimed.value - published.value, 6) END AS published_difference,
    suppressed,
    aimed.synthetic,
    revision
FROM aimed
LEFT JOIN programme.published_figure AS published
    ON
        published.kpi_code = aimed.kpi_code AND published.unit_code = aimed.unit_code
        AND published.period_start = window_start AND published.period_end = window_end
        AND part_start IS NULL AND units_on IS NULL AND aimed.system IS NULL AND aimed.statistic IS NULL
ORDER BY
    units_on,
    kpi_code,
    window_end,
    window_type,
    part_start,
    aimed.unit_level,
    aimed.unit_code,
    aimed.system,
    aimed.statistic
