-- The members of both values of a pair. A member is a block of units below (or a system) whose counts
-- are known in both, and the rest: the unit minus these. Numerators and denominators of the members add up to
-- those of the pair. `kind` says what a member is:
--   common          in both, with the same reports
--   new, lost       in only one of the two
--   coverage        reported in only one of the two
--   other_coverage  in both, with more than one percentage point between their coverages (shares are rounded down)
--   other_area      not the same area in both, or nobody knows whether it is
--   withheld        units that are withheld, of several of these kinds
CREATE OR REPLACE TEMP TABLE member AS
WITH compared AS (
    SELECT
        pair.*,
        earlier.period AS period_before,
        later.period AS period_after,
        earlier.unit_code AS unit_before,
        later.unit_code AS unit_after,
        CASE WHEN pair.compared_with <> 'unit' THEN kpi_kind.members END AS members,
        -- Rows from before a change of units are at the unit above where theirs was split.
        earlier.is_crossed OR later.is_crossed AS is_crossed,
        coalesce(NOT kpi_kind.has_units, FALSE) OR coalesce(continued.is_same_area, TRUE) AS is_same_area
    FROM pair
    JOIN figure AS earlier ON earlier.figure_number = pair.before_number
    JOIN figure AS later ON later.figure_number = pair.after_number
    LEFT JOIN kpi_kind ON kpi_kind.kpi_code = later.kpi_code
    LEFT JOIN continued
        ON
            continued.from_period = earlier.period AND continued.from_code = earlier.unit_code
            AND continued.to_period = later.period AND continued.to_code = later.unit_code
),
below AS (
    SELECT
        compared.compared_with,
        compared.after_number,
        placed.is_after,
        placed.block,
        CASE
            WHEN placed.kind = 'common' AND compared.is_crossed AND NOT placed.is_single THEN 'within'
            ELSE placed.kind
        END AS kind,
        child.figure_number
    FROM compared
    JOIN placed
        ON
            placed.from_period = compared.period_before AND placed.from_whole = compared.unit_before
            AND placed.to_period = compared.period_after AND placed.to_whole = compared.unit_after
    JOIN figure AS child
        ON
            child.whole_number = CASE WHEN placed.is_after THEN compared.after_number ELSE compared.before_number END
            AND child.unit_code = placed.unit_code
    WHERE compared.members = 'units'
    UNION ALL BY NAME
    SELECT
        compared.compared_with,
        compared.after_number,
        side.is_after,
        child.member_code AS block,
        'common' AS kind,
        child.figure_number
    FROM compared
    CROSS JOIN (VALUES (FALSE), (TRUE)) AS side (is_after)
    JOIN figure AS child
        ON child.whole_number = CASE WHEN side.is_after THEN compared.after_number ELSE compared.before_number END
    WHERE compared.members = 'systems'
),
-- Without a row nothing was counted, and of a silent unit nothing was counted either.
known AS (
    SELECT
        below.compared_with,
        below.after_number,
        below.block,
        below.kind <> 'open' AND bool_and(coalesce(figure.is_counted OR figure.withheld_reason = 'silent', TRUE))
            AS is_known,
        count(*) FILTER (WHERE NOT is_after AND figure.lacks_reports) AS lacking_before,
        count(*) FILTER (WHERE is_after AND figure.lacks_reports) AS lacking_after,
        CASE
            WHEN below.kind = 'open' THEN 'other_area'
            WHEN below.kind <> 'common' THEN below.kind
            WHEN
                lacking_before NOT IN (0, count(*) FILTER (WHERE NOT is_after))
                OR lacking_after NOT IN (0, count(*) FILTER (WHERE is_after))
                THEN 'other_coverage'
            WHEN (lacking_before = 0) <> (lacking_after = 0) THEN 'coverage'
            WHEN max(figure.coverage) - min(figure.coverage) > 0.011 THEN 'other_coverage'
            ELSE 'common'
        END AS kind,
        coalesce(sum(figure.numerator) FILTER (WHERE NOT is_after), 0) AS numerator_before,
        coalesce(sum(figure.numerator) FILTER (WHERE is_after), 0) AS numerator_after,
        coalesce(sum(figure.denominator) FILTER (WHERE NOT is_after), 0) AS denominator_before,
        coalesce(sum(figure.denominator) FILTER (WHERE is_after), 0) AS denominator_after
    FROM below
    JOIN figure USING (figure_number)
    WHERE below.kind <> 'within'
    GROUP BY below.compared_with, below.after_number, below.block, below.kind
),
summed AS (
    SELECT
        compared_with,
        after_number,
        count(*) FILTER (WHERE is_known) AS known_count,
        count(*) FILTER (WHERE is_known AND kind IN ('new', 'lost')) AS known_elsewhere_count,
        coalesce(list(DISTINCT kind) FILTER (WHERE NOT is_known), []) AS hidden_kinds,
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
            -- A province under another code has more than before; where all of that is shown, the rest is the same.
            WHEN
                NOT compared.is_same_area
                AND (
                    coalesce(summed.known_elsewhere_count, 0) = 0
                    OR NOT list_has_all(['common', 'coverage', 'other_coverage'], summed.hidden_kinds)
                )
                THEN 'other_area'
            WHEN len(summed.hidden_kinds) = 1 THEN summed.hidden_kinds[1]
            WHEN len(summed.hidden_kinds) > 1 THEN 'withheld'
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
SELECT * EXCLUDE (block, is_known, lacking_before, lacking_after) FROM known WHERE is_known
UNION ALL BY NAME
FROM rest
