-- Dossiers of a view that may have several rows of one. Those of a state, each at the end of another month, are one
-- dossier that is there at all of them. The first is the dossier of other views, the others are dossiers of their own.
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY dossier, place, CASE WHEN $is_stock THEN part_number END ORDER BY part_number, kind
        ) AS copy
    FROM collected
),
joined AS (
    SELECT dossier, place, copy, string_agg(kind, ';' ORDER BY part_number) AS kind, any_value(weight) AS weight
    FROM numbered
    GROUP BY ALL
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY dossier ORDER BY place, copy) AS position FROM joined
)
SELECT CASE position WHEN 1 THEN dossier ELSE hash(dossier, position) END AS dossier, place, kind, weight
FROM placed
