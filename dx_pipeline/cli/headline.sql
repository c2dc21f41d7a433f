-- For each KPI the province's latest value, and every value with a published one beside it.
WITH ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY kpi_code, statistic
            -- What was published can be compared; otherwise the latest window that has a value.
            ORDER BY
                value IS NULL,
                CASE WHEN value IS NULL THEN coverage END DESC,
                window_end DESC,
                list_position(['ytd', 'year', 'quarter', 'month'], window_type)
        ) AS place
    FROM kpi.value
    WHERE unit_level = 'province' AND system IS NULL
),
titled AS (
    SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition
)
SELECT ranked.*, titled.title_vi, titled.title_en
FROM ranked
JOIN titled USING (kpi_code)
WHERE place = 1 OR published_value IS NOT NULL
ORDER BY list_position($first, kpi_code) NULLS LAST, kpi_code, window_end, statistic
