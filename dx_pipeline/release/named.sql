-- Values with the words that people look for: titles, the name that a unit had on the window's last day, the window.
CREATE VIEW kpi.named AS
WITH unit_name AS (
    SELECT unit_code, name_vi, valid_from FROM reference.admin_unit
    UNION ALL
    SELECT unit_code, name_vi, valid_from FROM reference.agency WHERE agency_level = 'specialised'
),
titled AS (  -- the same in every version
    SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition
),
dated AS (
    SELECT *, coalesce(units_on, part_end, window_end) AS named_on FROM kpi.value
)
SELECT
    dated.* EXCLUDE (named_on),
    titled.title_vi,
    titled.title_en,
    unit_name.name_vi AS unit_name,
    CASE window_type
        WHEN 'month' THEN format('tháng {}/{}', month(window_end), year(window_end))
        WHEN 'quarter'
            THEN format('quý {}/{}', (['I', 'II', 'III', 'IV'])[quarter(window_end)], year(window_end))
        WHEN 'ytd' THEN format('{} tháng đầu năm {}', month(window_end), year(window_end))
        ELSE format('năm {}', year(window_end))
    END AS window_vi,
    CASE window_type
        WHEN 'month' THEN strftime(window_end, '%B %Y')
        WHEN 'quarter' THEN format('Q{} {}', quarter(window_end), year(window_end))
        WHEN 'ytd'
            THEN
                if(
                    month(window_end) > 1,
                    format('January to {}', strftime(window_end, '%B %Y')),
                    format('{}, year to date', strftime(window_end, '%B %Y'))
                )
        ELSE format('{}', year(window_end))
    END AS window_en
FROM dated
JOIN titled USING (kpi_code)
ASOF LEFT JOIN unit_name ON dated.unit_code = unit_name.unit_code AND dated.named_on >= unit_name.valid_from;

-- Of each KPI, unit, system and statistic the value that is shown first: of the latest window with one.
CREATE VIEW kpi.latest AS
SELECT * FROM kpi.named
WHERE units_on IS NULL
QUALIFY row_number() OVER (
    PARTITION BY kpi_code, unit_code, system, statistic
    ORDER BY
        value IS NULL,
        CASE WHEN value IS NULL THEN coverage END DESC,
        coalesce(part_end, window_end) DESC,
        list_position(['ytd', 'year', 'quarter', 'month'], window_type),
        part_start DESC NULLS LAST
) = 1;
