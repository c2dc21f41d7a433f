-- The revisions of a value that everybody may see.
SELECT revision, change, value_before, value_after, proposal, table_name, source, month, reason, accepted_at
FROM kpi.revision
WHERE
    kpi_code = $kpi_code AND window_type = $window_type AND window_end = $window_end AND unit_code = $unit_code
    AND part_start IS NOT DISTINCT FROM $part_start
    AND system IS NOT DISTINCT FROM $system AND statistic IS NOT DISTINCT FROM $statistic
ORDER BY revision
