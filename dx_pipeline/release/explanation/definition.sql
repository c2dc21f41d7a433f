-- The version of a definition that is in force on the last day of a value's window, or of its part.
SELECT * FROM kpi.definition WHERE kpi_code = $kpi_code AND definition_version = $definition_version
