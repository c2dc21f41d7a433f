-- Points of the 766 index. A value that is not shown has no counts here: its criterion has a reason and no points.
INSERT INTO kpi.score_766 BY NAME
WITH shown AS (
    SELECT * FROM kpi.value WHERE part_start IS NULL AND units_on IS NULL AND system IS NULL
),
shown_elsewhere AS ( -- a KPI has rows of every unit of its levels, shown or not
    SELECT
        kpi_code,
        list(DISTINCT unit_level) AS unit_levels
    FROM shown
    GROUP BY kpi_code
),
place AS ( -- the index scores no window that begins before it was in force
    SELECT DISTINCT window_type, window_start, window_end, unit_code, unit_level, release_id
    FROM shown
    WHERE
        kpi_code IN (SELECT kpi_code FROM reference.criterion_766)
        AND window_start >= (SELECT min(valid_from) FROM reference.criterion_766)
),
measured AS (
    SELECT
        place.*,
        criterion.group_code,
        criterion.criterion,
        criterion.kpi_code,
        criterion.item_vi,
        criterion.item_en,
        criterion.maximum,
        coalesce(criterion.threshold, 100) AS threshold,
        criterion.is_assumed,
        CASE
            WHEN criterion.kpi_code IS NULL THEN 'no_kpi'
            WHEN criterion.valid_from > place.window_start THEN 'criterion_changed'
            WHEN shown.kpi_code IS NULL AND level_shown.kpi_code IS NOT NULL THEN 'not_of_this_level'
            WHEN shown.value IS NULL THEN coalesce(shown.withheld_reason, 'no_data')
        END AS no_points_reason,
        CASE WHEN no_points_reason IS NULL THEN shown.numerator END AS numerator,
        CASE WHEN no_points_reason IS NULL THEN shown.denominator END AS denominator,
        CASE WHEN no_points_reason IS NULL THEN shown.value END AS value,
        no_points_reason IS NULL AND shown.synthetic AS synthetic
    FROM place
    JOIN reference.criterion_766 AS criterion
        ON place.window_end BETWEEN criterion.valid_from AND coalesce(criterion.valid_to, DATE '9999-12-31')
    LEFT JOIN shown
        ON
            shown.kpi_code = criterion.kpi_code
            AND shown.statistic IS NOT DISTINCT FROM criterion.statistic
            AND shown.window_type = place.window_type
            AND shown.window_start = place.window_start
            AND shown.window_end = place.window_end
            AND shown.unit_code = place.unit_code
    LEFT JOIN shown_elsewhere AS level_shown
        ON
            level_shown.kpi_code = criterion.kpi_code
            AND NOT list_contains(level_shown.unit_levels, place.unit_level)
),
whole AS (
    -- In whole numbers, so that points and steps are exact: hundredths of points, ten-thousandths of counts. `full` is
    -- what must be counted for the maximum; a value without counts is its own, in percent.
    SELECT
        measured.*,
        round(100 * maximum)::HUGEINT AS most,
        round(100 * coalesce(denominator, 100) * threshold)::HUGEINT AS full_count,
        round(10000 * coalesce(numerator, value))::HUGEINT AS counted
    FROM measured
),
scored AS (
    SELECT
        whole.*,
        CASE -- `greatest` leaves NULL out: without the condition, no data would be 0 points
            WHEN no_points_reason IS NULL
                THEN least(most, (2 * most * greatest(0, counted) + full_count) // (2 * full_count))
        END AS scored
    FROM whole
),
stepped AS (
    SELECT
        scored.*,
        denominator IS NOT NULL AND scored < most AS has_step,
        CASE WHEN has_step THEN least(100, most - scored) END AS step,
        -- The fewest items after which the points that are shown have grown by the step, rounded up.
        CASE
            WHEN has_step
                THEN
                    (2 * full_count * (scored + step) - full_count - 2 * most * counted + 20000 * most - 1)
                    // (20000 * most)
        END AS needs,
        least(most, (2 * most * greatest(0, counted + 10000 * needs) + full_count) // (2 * full_count)) AS scored_then
    FROM scored
),
ranked AS (
    SELECT
        stepped.*,
        CASE
            WHEN has_step THEN row_number() OVER (
                PARTITION BY window_type, window_start, unit_code, has_step
                ORDER BY (scored_then - scored) / needs DESC, criterion
            )
        END AS gain_rank
    FROM stepped
)
SELECT
    window_type,
    window_start,
    window_end,
    unit_code,
    unit_level,
    'criterion' AS scope,
    group_code,
    criterion,
    kpi_code,
    numerator,
    denominator,
    value,
    threshold,
    maximum,
    maximum AS full_maximum,
    scored / 100 AS points,
    (most - scored) / 100 AS points_lost,
    no_points_reason,
    step / 100 AS next_points,
    needs::BIGINT AS next_point_needs,
    item_vi,
    item_en,
    gain_rank,
    is_assumed,
    synthetic,
    release_id
FROM ranked
ORDER BY ALL;

-- Groups and the total add up the rounded points of their criteria, and the maxima of those that have points: where
-- none has, nothing is known, and there is no maximum either.
INSERT INTO kpi.score_766 BY NAME
SELECT
    part.window_type,
    part.window_start,
    part.window_end,
    part.unit_code,
    part.unit_level,
    CASE WHEN grouping(part.group_code) = 1 THEN 'total' ELSE 'group' END AS scope,
    part.group_code,
    sum(part.maximum) FILTER (part.points IS NOT NULL) AS maximum,
    sum(part.maximum) AS full_maximum,
    round(sum(part.points), 2) AS points,
    round(sum(part.points_lost), 2) AS points_lost,
    CASE WHEN count(part.points) = 0 THEN 'no_data' END AS no_points_reason,
    coalesce(bool_or(part.is_assumed) FILTER (part.points IS NOT NULL), FALSE) AS is_assumed,
    bool_or(part.synthetic) AS synthetic,
    part.release_id
FROM kpi.score_766 AS part
GROUP BY
    GROUPING SETS (
        (window_type, window_start, window_end, unit_code, unit_level, release_id, group_code),
        (window_type, window_start, window_end, unit_code, unit_level, release_id)
    )
ORDER BY ALL
