-- One row is one pair of values with the parts of its difference, which add up to it exactly: what the values are
-- rounded by is a part of its own.
CREATE OR REPLACE TEMP TABLE change AS
WITH changed_month AS (
    SELECT kpi_table.kpi_code, kpi_table.is_state, changed_partition.month, changed_partition.is_revised
    FROM kpi_table
    JOIN changed_partition USING (table_name)
),
other_reference AS (
    SELECT DISTINCT kpi_code FROM changed_month WHERE month IS NULL
),
-- A partition can change the figures of its own month and, with later states of earlier rows, of those before.
touched AS (
    SELECT
        compared_window.*,
        NOT bool_and(changed_month.is_revised) AS is_late,
        bool_or(NOT changed_month.is_revised AND changed_month.month <= compared_window.window_end) AS is_late_within
    FROM (SELECT DISTINCT kpi_code, window_start, window_end FROM figure) AS compared_window
    JOIN changed_month
        ON
            changed_month.kpi_code = compared_window.kpi_code
            AND changed_month.month >= compared_window.window_start
            AND (changed_month.is_state OR changed_month.month <= compared_window.window_end)
    GROUP BY ALL
),
compared AS (
    SELECT
        pair.*,
        later.value::DECIMAL(38, 6) - earlier.value::DECIMAL(38, 6) AS difference,
        CASE
            WHEN earlier.numerator IS NULL OR later.numerator IS NULL THEN 'opaque'
            ELSE coalesce(kpi_kind.form, 'opaque')
        END AS form,
        kpi_kind.factor,
        kpi_kind.kpi_code IS NULL AS is_not_declared,
        pair.compared_with = 'release' AS is_release,
        coalesce(later.definition_version, 0) <> coalesce(earlier.definition_version, 0)
        OR pair.compared_with = 'release' AND redefined.kpi_code IS NOT NULL AS is_redefined,
        -- Parts of a window are of different lengths, and what happens within them grows with their days.
        coalesce(later.part_end - later.part_start <> earlier.part_end - earlier.part_start, FALSE) AS has_other_span,
        later.revision > earlier.revision AS is_revised,
        touched.kpi_code IS NOT NULL AS has_other_data,
        other_reference.kpi_code IS NOT NULL AS has_other_reference,
        coalesce(touched.is_late, FALSE) AS is_late,
        coalesce(touched.is_late_within, FALSE) AS is_late_within
    FROM pair
    JOIN figure AS earlier ON earlier.figure_number = pair.before_number
    JOIN figure AS later ON later.figure_number = pair.after_number
    LEFT JOIN kpi_kind ON kpi_kind.kpi_code = later.kpi_code
    LEFT JOIN redefined ON redefined.kpi_code = later.kpi_code
    LEFT JOIN other_reference ON other_reference.kpi_code = later.kpi_code
    LEFT JOIN touched
        ON
            touched.kpi_code = later.kpi_code
            AND touched.window_start = later.window_start AND touched.window_end = later.window_end
),
-- What explains all that differs (`whole_cause`), or whatever differs with the same reports (`data_cause`); where
-- nothing does, the reason why not.
reasoned AS (
    SELECT
        *,
        CASE
            WHEN is_release AND $is_other_program THEN 'other_program'
            WHEN is_not_declared THEN 'not_declared'
            WHEN is_release AND has_other_reference THEN 'other_reference'
            WHEN is_release AND is_redefined AND has_other_data THEN 'several_causes'
            WHEN is_redefined AND has_other_span THEN 'other_span'
            WHEN NOT is_release AND NOT is_redefined AND form = 'opaque' THEN 'no_counts'
        END AS whole_reason,
        CASE
            WHEN is_revised AND is_late_within OR is_late AND is_revised THEN 'several_causes'
            ELSE 'no_known_cause'
        END AS data_reason
    FROM compared
),
caused AS (
    SELECT
        *,
        CASE
            WHEN whole_reason IS NOT NULL THEN 'not_separated'
            WHEN is_redefined THEN 'definition'
        END AS whole_cause,
        CASE
            WHEN NOT is_release THEN 'common'
            WHEN is_revised AND NOT is_late_within THEN 'revision'
            WHEN is_late AND NOT is_revised THEN 'late_data'
            ELSE 'not_separated'
        END AS data_cause
    FROM reasoned
),
-- Each member beside the counts of the whole, for those whose difference has more than one part.
weighed AS (
    SELECT
        caused.*,
        member.* EXCLUDE (compared_with, after_number),
        earlier.numerator AS whole_numerator_before,
        later.numerator AS whole_numerator_after,
        earlier.denominator AS whole_before,
        later.denominator AS whole_after,
        (earlier.numerator / earlier.denominator + later.numerator / later.denominator) / 2 AS middle,
        (member.numerator_before - middle * member.denominator_before) / earlier.denominator AS contribution_before,
        (member.numerator_after - middle * member.denominator_after) / later.denominator AS contribution_after,
        member.denominator_before > 0 AND member.denominator_after > 0 AS has_rates,
        member.numerator_after / member.denominator_after - member.numerator_before / member.denominator_before
            AS rate_difference,
        (member.denominator_before / earlier.denominator + member.denominator_after / later.denominator) / 2
            AS mean_share,
        (1 / earlier.denominator + 1 / later.denominator) / 2 AS mean_reciprocal
    FROM caused
    JOIN member USING (compared_with, after_number)
    JOIN figure AS earlier ON earlier.figure_number = caused.before_number
    JOIN figure AS later ON later.figure_number = caused.after_number
    WHERE caused.whole_cause IS NULL
),
-- What each member has of the difference before rounding, and how much of that is due to its own rate.
contributed AS (
    SELECT
        compared_with,
        after_number,
        is_release,
        form,
        CASE
            WHEN is_release AND kind IN ('coverage', 'other_coverage') THEN 'coverage'
            WHEN kind IN ('other_coverage', 'other_area', 'withheld') OR is_release AND kind <> 'common'
                THEN 'not_separated'
            WHEN kind = 'common' THEN data_cause
            ELSE kind
        END AS member_cause,
        CASE
            WHEN kind IN ('other_coverage', 'other_area', 'withheld') THEN kind
            WHEN kind IN ('new', 'lost') THEN 'other_area'
            ELSE data_reason
        END AS member_reason,
        (numerator_before, denominator_before) <> (numerator_after, denominator_after) OR form = 'opaque' AS is_other,
        CASE form
            WHEN 'ratio' THEN factor * (contribution_after - contribution_before)
            WHEN 'items'
                THEN factor * (whole_numerator_after / whole_after - whole_numerator_before / whole_before)
            WHEN 'count' THEN numerator_after - numerator_before
            ELSE difference
        END AS amount,
        CASE
            WHEN NOT has_rates THEN 0
            WHEN form = 'ratio' THEN factor * mean_share * rate_difference
            WHEN form = 'items' THEN factor * (numerator_after - numerator_before) * mean_reciprocal
            WHEN form = 'count' THEN (denominator_before + denominator_after) / 2 * rate_difference
            ELSE 0
        END AS of_rate
    FROM weighed
),
-- Counts add up by members; of a ratio between two releases one cause has to explain every member.
labelled AS (
    SELECT
        *,
        CASE
            WHEN NOT is_release OR form = 'count' THEN member_cause
            WHEN len(list(DISTINCT member_cause) FILTER (WHERE is_other) OVER of_pair) = 1
                THEN any_value(member_cause) FILTER (WHERE is_other) OVER of_pair
            ELSE 'not_separated'
        END AS cause,
        -- More than one cause of a ratio between two releases.
        CASE
            WHEN is_release AND form <> 'count' AND bool_or(is_other AND member_cause <> 'not_separated') OVER of_pair
                THEN 'several_causes'
            ELSE member_reason
        END AS reason
    FROM contributed
    WINDOW of_pair AS (PARTITION BY compared_with, after_number)
),
added AS (
    SELECT
        compared_with,
        after_number,
        sum(amount - of_rate) FILTER (WHERE cause = 'common' AND form <> 'ratio') AS volume,
        sum(amount - of_rate) FILTER (WHERE cause = 'common' AND form = 'ratio') AS mix,
        sum(of_rate) FILTER (WHERE cause = 'common') AS rate,
        sum(amount) FILTER (WHERE cause = 'new') AS new_units,
        sum(amount) FILTER (WHERE cause = 'lost') AS lost_units,
        sum(amount) FILTER (WHERE cause = 'coverage') AS coverage,
        sum(amount) FILTER (WHERE cause = 'late_data') AS late_data,
        sum(amount) FILTER (WHERE cause = 'revision') AS revision,
        sum(amount) FILTER (WHERE cause = 'not_separated') AS not_separated,
        arg_max(reason, (abs(amount), reason)) FILTER (WHERE cause = 'not_separated') AS added_reason
    FROM labelled
    GROUP BY ALL
),
exact AS (
    SELECT
        caused.compared_with,
        caused.before_number,
        caused.after_number,
        caused.difference,
        coalesce(volume, 0)::DECIMAL(38, 6) AS volume,
        coalesce(mix, 0)::DECIMAL(38, 6) AS mix,
        coalesce(rate, 0)::DECIMAL(38, 6) AS rate,
        coalesce(new_units, 0)::DECIMAL(38, 6) AS new_units,
        coalesce(lost_units, 0)::DECIMAL(38, 6) AS lost_units,
        coalesce(coverage, 0)::DECIMAL(38, 6) AS coverage,
        coalesce(late_data, 0)::DECIMAL(38, 6) AS late_data,
        coalesce(revision, 0)::DECIMAL(38, 6) AS revision,
        CASE whole_cause WHEN 'definition' THEN difference ELSE 0 END AS definition,
        CASE whole_cause WHEN 'not_separated' THEN difference ELSE coalesce(not_separated, 0)::DECIMAL(38, 6) END
            AS not_separated,
        coalesce(caused.whole_reason, added.added_reason) AS not_separated_reason
    FROM caused
    LEFT JOIN added USING (compared_with, after_number)
)
SELECT
    later.kpi_code,
    exact.compared_with,
    later.window_type,
    later.window_start,
    later.window_end,
    later.part_start,
    later.unit_code,
    later.unit_level,
    later.system,
    later.statistic,
    earlier.last_on AS before_window_end,
    earlier.unit_code AS before_unit_code,
    CASE WHEN earlier.is_before THEN $before_release_id ELSE $release_id END AS before_release_id,
    earlier.value AS value_before,
    later.value,
    exact.* EXCLUDE (compared_with, before_number, after_number) REPLACE (
        CASE WHEN not_separated <> 0 THEN not_separated_reason END AS not_separated_reason
    ),
    difference - volume - mix - rate - new_units - lost_units - exact.coverage - late_data - exact.revision - definition
    - not_separated AS rounding,
    later.unit_of_measure,
    earlier.synthetic OR later.synthetic AS synthetic
FROM exact
JOIN figure AS earlier ON earlier.figure_number = exact.before_number
JOIN figure AS later ON later.figure_number = exact.after_number
