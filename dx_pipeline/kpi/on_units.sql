-- The values of a KPI on the units of one day: those computed for it, and of the other windows their own.
SELECT own.*
FROM staged AS own
WHERE
    own.kpi_code = $code
    AND (
        own.units_on = $day
        OR own.units_on IS NULL AND NOT EXISTS (
            SELECT * FROM staged AS other
            WHERE
                other.kpi_code = own.kpi_code
                AND other.window_type = own.window_type AND other.window_end = own.window_end
                AND other.part_start IS NOT DISTINCT FROM own.part_start
                AND other.units_on = $day
        )
    )
ORDER BY own.window_end, own.window_type, own.part_start, own.unit_level, own.unit_code, own.system, own.statistic
