-- What counts synthetic rows is synthetic, also where they came with a later month than those that are needed.
UPDATE input
SET synthetic = TRUE
FROM evaluated_part
JOIN counted_month USING (kpi_code, definition_version, basis, part_number)
JOIN partition USING (table_name, month)
JOIN source_of USING (table_name, source)
WHERE
    input.evaluation_number = evaluated_part.evaluation_number
    AND partition.is_there AND partition.synthetic
    AND (input.system IS NULL OR NOT source_of.is_system OR source_of.source = input.system);
