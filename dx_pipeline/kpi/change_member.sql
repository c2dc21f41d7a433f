-- The members of both values of a pair. A member is a unit below (or a system) whose counts are known
-- in both, and the rest: the unit minus these. Numerators and denominators of the members add up to those of
-- the pair. `kind` says what a member is:
--   common          in both, with the same reports
--   new, lost       in only one of the two
--   coverage        reported in only one of the two
--   other_coverage  in both, with more than one percentage point between their coverages (shares are rounded down)
--   unclear         several of these, or another area
CREATE OR REPLACE TEMP TABLE member AS
WITH compared AS (
    SELECT
        pair.*,
        earlier.period AS period_before,
        later.period AS period_after,
        earlier.unit_code AS unit_before,
        later.unit_code AS unit_after,
        CASE WHEN pair.compared_with <> 'unit' THEN kpi_kind.members END AS members,
        coalesce(continued.is_same_area, TRUE) AS is_same_area
    FROM pair
    JOIN figure AS earlier ON earlier.figure_number = pair.before_number
    JOIN figure AS later ON later.figure_number = pair.after_number
    JOIN kpi_kind ON kpi_kind.kpi_code = later.kpi_code
    LEFT JOIN continued
        ON
            continued.from_period = earlier.period AND continued.from_code = earlier.unit_code
            AND continued.to_period = later.period AND continued.to_code = later.unit_code
),
earlier_member AS (
    SELECT
        compared.compared_with,
        compared.after_number,
        child.figure_number AS child_before,
        CASE compared.members WHEN 'systems' THEN child.member_code ELSE continued.to_code END AS member_code
    FROM compared
    JOIN figure AS child ON child.whole_number = compared.before_number
    LEFT JOIN continued
        ON
            continued.from_period = compared.period_before AND continued.from_code = child.unit_code
            AND continued.to_period = compared.period_after AND continued.to_parent = compared.unit_after
    WHERE compared.members IS NOT NULL
),
later_member AS (
    SELECT
        compared.compared_with,
        compared.after_number,
        child.figure_number AS child_after,
        child.member_code,
        compared.members = 'systems' OR continued.from_code IS NOT NULL AS was_before
    FROM compared
    JOIN figure AS child ON child.whole_number = compared.after_number
    LEFT JOIN continued
        ON
            continued.to_period = compared.period_after AND continued.to_code = child.unit_code
            AND continued.from_period = compared.period_before AND continued.from_parent = compared.unit_before
    WHERE compared.members IS NOT NULL
),
paired AS (
    SELECT
        coalesce(earlier_member.compared_with, later_member.compared_with) AS compared_with,
        coalesce(earlier_member.after_number, later_member.after_number) AS after_number,
        child_before,
        child_after,
        coalesce(was_before, TRUE) AS was_before,
        child_before IS NULL OR earlier_member.member_code IS NOT NULL AS is_after
    FROM earlier_member
    FULL JOIN later_member
        ON
            later_member.compared_with = earlier_member.compared_with
            AND later_member.after_number = earlier_member.after_number
            AND later_member.member_code = earlier_member.member_code
),
-- Without a row nothing was counted, and of a silent unit nothing was counted either.
known AS (
    SELECT
        paired.compared_with,
        paired.after_number,
        coalesce(earlier.is_counted OR earlier.withheld_reason = 'silent', TRUE)
        AND coalesce(later.is_counted OR later.withheld_reason = 'silent', TRUE) AS is_known,
        CASE
            WHEN NOT was_before THEN 'new'
            WHEN NOT is_after THEN 'lost'
            WHEN coalesce(earlier.lacks_reports, FALSE) <> coalesce(later.lacks_reports, FALSE) THEN 'coverage'
            WHEN abs(earlier.coverage - later.coverage) > 0.011 THEN 'other_coverage'
            ELSE 'common'
        END AS kind,
        coalesce(earlier.numerator, 0) AS numerator_before,
        coalesce(later.numerator, 0) AS numerator_after,
        coalesce(earlier.denominator, 0) AS denominator_before,
        coalesce(later.denominator, 0) AS denominator_after
    FROM paired
    LEFT JOIN figure AS earlier ON earlier.figure_number = paired.child_before
    LEFT JOIN figure AS later ON later.figure_number = paired.child_after
),
summed AS (
    SELECT
        compared_with,
        after_number,
        count(*) FILTER (WHERE is_known) AS known_count,
        list(DISTINCT kind) FILTER (WHERE NOT is_known) AS hidden_kinds,
        sum(numerator_before) FILTER (WHERE is_known) AS numerator_before,
        sum(numerator_after) FILTER (WHERE is_known) AS numerator_after,
        sum(denominator_before) FILTER (WHERE is_known) AS denominator_before,
        sum(denominator_after) FILTER (WHERE is_known) AS denominator_after
    FROM known
    GROUP BY ALL
),
rest AS (
    SELECT
        compared.compared_with,
        compared.after_number,
        CASE
            WHEN NOT compared.is_same_area THEN 'unclear'
            WHEN len(summed.hidden_kinds) = 1 THEN summed.hidden_kinds[1]
            WHEN len(summed.hidden_kinds) > 1 THEN 'unclear'
            WHEN coalesce(summed.known_count, 0) = 0 AND abs(earlier.coverage - later.coverage) > 0.011
                THEN 'other_coverage'
            ELSE 'common'
        END AS kind,
        round(coalesce(earlier.numerator, 0) - coalesce(summed.numerator_before, 0), 4) AS numerator_before,
        round(coalesce(later.numerator, 0) - coalesce(summed.numerator_after, 0), 4) AS numerator_after,
        round(coalesce(earlier.denominator, 0) - coalesce(summed.denominator_before, 0), 4) AS denominator_before,
        round(coalesce(later.denominator, 0) - coalesce(summed.denominator_after, 0), 4) AS denominator_after
    FROM compared
    JOIN figure AS earlier ON earlier.figure_number = compared.before_number
    JOIN figure AS later ON later.figure_number = compared.after_number
    LEFT JOIN summed USING (compared_with, after_number)
)
SELECT * EXCLUDE (is_known) FROM known WHERE is_known
UNION ALL BY NAME
FROM rest
