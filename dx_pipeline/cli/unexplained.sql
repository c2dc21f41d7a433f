-- Published figures that do not follow from their own counts, and that nobody has explained.
SELECT
    indicator_vi,
    kpi_code,
    unit_code,
    period_start,
    period_end,
    unit_of_measure,
    value_as_published,
    decimals_published,
    published_numerator,
    published_denominator,
    recomputed_value
FROM kpi.published_comparison
WHERE is_beyond_rounding AND explanation_vi IS NULL
ORDER BY ALL
