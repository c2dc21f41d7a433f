-- The values of the whole province among those of `source` (a table or a file). Of each KPI's statistics the
-- one that is shown first has place 1: the latest window with a value, or else the one known most fully.
CREATE OR REPLACE TEMP MACRO headline(source) AS TABLE
    SELECT
        *,
        row_number() OVER (
            PARTITION BY kpi_code, statistic
            ORDER BY
                value IS NULL,
                CASE WHEN value IS NULL THEN coverage END DESC,
                window_end DESC,
                list_position(['ytd', 'year', 'quarter', 'month'], window_type)
        ) AS place
    FROM query_table(source)
    WHERE unit_level = 'province' AND system IS NULL AND units_on IS NULL
