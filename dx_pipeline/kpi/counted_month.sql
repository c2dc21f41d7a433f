-- The months whose partitions the counted rows of a view came with, by the part of the month of their day, for each
-- version of a KPI that counts them.
INSERT INTO counted_month
WITH figure AS (
    SELECT DISTINCT unnest($codes::VARCHAR[]) AS kpi_code, unnest($versions::BIGINT[]) AS definition_version
),
of_day AS (
    SELECT DISTINCT dx_day, dx_month FROM scanned WHERE dx_excluded IS NULL
)
SELECT DISTINCT figure.kpi_code, figure.definition_version, $basis, part.part_number, $table, of_day.dx_month
FROM of_day
JOIN part ON of_day.dx_day BETWEEN part.first_on AND part.last_on
CROSS JOIN figure
