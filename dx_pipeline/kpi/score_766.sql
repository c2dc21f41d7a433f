-- Points of the 766 index. A value that is not shown has no counts here: its criterion has a reason and no points.
INSERT INTO kpi.score_766 BY NAME
WITH shown AS (
    SELECT * FROM kpi.value WHERE part_start IS NULL AND units_on IS NULL AND system IS NULL
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
),
scored AS (
    SELECT
        measured.*,
        -- what must be counted for the maximum and for one point; of a value without counts, in percent
        coalesce(denominator, 100) * threshold / 100 AS full_count,
        full_count / maximum AS count_of_a_point,
        coalesce(numerator, value) AS counted,
        maximum * counted / full_count AS exact_points,
        CASE -- `greatest` leaves NULL out: without the condition, no data would be 0 points
            WHEN no_points_reason IS NULL
                THEN least(maximum, greatest(0, half_up(maximum * counted, full_count, 100) / 100))
        END AS points
    FROM measured
),
stepped AS (
    SELECT
        scored.*,
        denominator IS NOT NULL AND counted < full_count AS has_step,
        CASE WHEN has_step THEN least(1, maximum - greatest(0, exact_points)) END AS next_points,
        CASE
            WHEN has_step
                THEN ceil(round(least(full_count, greatest(0, counted) + count_of_a_point) - counted, 6))::BIGINT
        END AS next_point_needs,
        CASE
            WHEN has_step THEN row_number() OVER (
                PARTITION BY window_type, window_start, unit_code, has_step
                ORDER BY next_points / next_point_needs DESC, criterion
            )
        END AS gain_rank
    FROM scored
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
    points,
    round(maximum - points, 2) AS points_lost,
    no_points_reason,
    round(next_points, 2) AS next_points,
    next_point_needs,
    item_vi,
    item_en,
    gain_rank,
    is_assumed,
    synthetic,
    release_id
FROM stepped
ORDER BY ALL;

-- Groups and the total add up the rounded points of their criteria, and the maxima of those that have points.
INSERT INTO kpi.score_766 BY NAME
SELECT
    part.window_type,
    part.window_start,
    part.window_end,
    part.unit_code,
    part.unit_level,
    CASE WHEN grouping(part.group_code) = 1 THEN 'total' ELSE 'group' END AS scope,
    part.group_code,
    coalesce(sum(part.maximum) FILTER (part.points IS NOT NULL), 0) AS maximum,
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
