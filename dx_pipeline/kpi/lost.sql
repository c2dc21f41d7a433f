-- The rows of a view that should be in a figure and are not, with the province at the end of the month.
INSERT INTO lost
SELECT conserved.view_name, conserved.table_name, conserved.month, whole.period, whole.unit_code, conserved.row_count
FROM conserved
JOIN whole ON last_day(conserved.month) BETWEEN whole.first_on AND whole.last_on
WHERE conserved.view_name = $view AND conserved.excluded IN (SELECT unnest($reasons::VARCHAR[]))
