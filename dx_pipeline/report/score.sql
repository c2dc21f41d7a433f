-- The 766 score in its latest window with points: one row a unit, scope, group and criterion.
WITH latest AS (
    SELECT window_type, window_start, window_end
    FROM kpi.score_766
    WHERE scope = 'total' AND unit_level = 'province' AND points IS NOT NULL
    ORDER BY window_end DESC, list_position(['ytd', 'year', 'quarter', 'month'], window_type)
    LIMIT 1
)
SELECT
    score.*,
    -- The fewest items after which the points that are shown are the maximum; of a value without counts, percentage
    -- points. In whole numbers, as in `kpi/score_766.sql`.
    CASE
        WHEN points_lost > 0 AND denominator IS NOT NULL
            THEN
                (
                    (2 * round(100 * maximum)::HUGEINT - 1) * round(100 * denominator * threshold)::HUGEINT
                    - 2 * round(100 * maximum)::HUGEINT * round(10000 * numerator)::HUGEINT
                    + 20000 * round(100 * maximum)::HUGEINT - 1
                ) // (20000 * round(100 * maximum)::HUGEINT)
        WHEN points_lost > 0 THEN threshold - value
    END::DOUBLE AS full_points_need,
    criterion.title_vi,
    criterion.title_en,
    criterion.group_vi,
    criterion.group_en
FROM kpi.score_766 AS score
SEMI JOIN latest USING (window_type, window_start, window_end)
LEFT JOIN (
    SELECT
        criterion, any_value(title_vi) AS title_vi, any_value(title_en) AS title_en,
        any_value(group_vi) AS group_vi, any_value(group_en) AS group_en
    FROM reference.criterion_766
    GROUP BY criterion
) AS criterion USING (criterion)
ORDER BY unit_level, unit_code, group_code, criterion NULLS FIRST
