-- Each published figure, recomputed from its own counts, with the measured value of its period and unit.
INSERT INTO kpi.published_comparison BY NAME
WITH whole AS (
    -- In whole numbers, because rounding is decided exactly: thousandths of counts, units of the last place printed.
    SELECT
        *,
        CASE
            WHEN denominator IS NOT NULL OR unit_of_measure <> 'percent'
                THEN round(1000 * numerator)::HUGEINT * CASE unit_of_measure WHEN 'percent' THEN 100 ELSE 1 END
        END AS counted,
        round(1000 * coalesce(denominator, 1))::HUGEINT AS among,
        (10 ** decimals_published)::HUGEINT AS scale
    FROM programme.published_figure
),
recomputed AS (
    SELECT
        *,
        (2 * counted * scale + among) // (2 * among) / scale AS recomputed_value,
        abs(2 * (round(value * scale)::HUGEINT * among - counted * scale)) > among AS is_beyond
    FROM whole
),
measured AS (
    -- January is a month and a year to date: one of them is enough, their values are the same.
    SELECT kpi_code, unit_code, window_start, window_end, value AS measured_value, withheld_reason, synthetic
    FROM kpi.value
    WHERE part_start IS NULL AND system IS NULL AND statistic IS NULL
    QUALIFY row_number() OVER (
        PARTITION BY kpi_code, unit_code, window_start, window_end
        ORDER BY list_position(['month', 'quarter', 'year', 'ytd'], window_type)
    ) = 1
)
SELECT
    figure.indicator_vi,
    figure.indicator_en,
    figure.kpi_code,
    figure.unit_code,
    figure.period_start,
    figure.period_end,
    figure.unit_of_measure,
    figure.value_as_published,
    figure.value AS published_value,
    figure.decimals_published,
    figure.is_approximate,
    figure.numerator AS published_numerator,
    figure.denominator AS published_denominator,
    figure.recomputed_value,
    round(figure.value - figure.recomputed_value, 6) AS recomputed_difference,
    CASE WHEN NOT figure.is_approximate THEN figure.is_beyond END AS is_beyond_rounding,
    figure.explanation_vi,
    figure.explanation_en,
    measured.measured_value,
    round(measured.measured_value - figure.value, 6) AS measured_difference,
    CASE
        WHEN figure.kpi_code IS NULL THEN 'no_kpi'
        WHEN list_contains($reported::VARCHAR[], figure.kpi_code) THEN 'only_reported'
        WHEN measured.kpi_code IS NULL THEN 'not_evaluated'
        ELSE measured.withheld_reason
    END AS not_measured_reason,
    coalesce(measured.synthetic, FALSE) AS synthetic,
    figure.published_on,
    figure.note,
    figure.source,
    figure.certainty
FROM recomputed AS figure
LEFT JOIN measured
    ON
        measured.kpi_code = figure.kpi_code AND measured.unit_code = figure.unit_code
        AND measured.window_start = figure.period_start AND measured.window_end = figure.period_end
        AND NOT list_contains($reported::VARCHAR[], figure.kpi_code)
ORDER BY figure.period_end, figure.unit_code, figure.indicator_vi
