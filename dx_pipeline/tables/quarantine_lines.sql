-- The chosen lines, each with its delivery and who reported it.
CREATE TEMP TABLE chosen AS
WITH arrival AS (
    SELECT source, month, delivery_id, any_value(file_name) AS file_name, any_value(delivered_at) AS delivered_at
    FROM delivery
    GROUP BY ALL
),
line AS (
    SELECT
        broken.* EXCLUDE (reporter),
        arrival.file_name,
        arrival.delivered_at,
        coalesce(broken.reporter, broken.source) AS agency,
        coalesce(agency_name.name, CASE WHEN broken.reporter IS NULL THEN source_title.title END, broken.reporter)
            AS agency_name,
        $today::DATE - arrival.delivered_at::DATE AS age_days
    FROM broken
    JOIN arrival
        ON
            arrival.source = broken.source
            AND arrival.month IS NOT DISTINCT FROM broken.month
            AND arrival.delivery_id = broken.delivery_id
    JOIN source_title ON source_title.source = broken.source
    LEFT JOIN agency_name ON agency_name.table_name = broken.table_name AND agency_name.code = broken.reporter
)
SELECT *
FROM line
WHERE
    ($table IS NULL OR table_name = $table)
    AND ($source IS NULL OR source = $source)
    AND ($reason IS NULL OR reason_code = $reason)
    AND ($delivery IS NULL OR starts_with(delivery_id, $delivery) OR file_name = $delivery)
    AND ($agency IS NULL OR agency = $agency)
    AND (len($months::VARCHAR[]) = 0 OR list_contains($months::VARCHAR[], month))
    AND ($older_than IS NULL OR age_days >= $older_than)
