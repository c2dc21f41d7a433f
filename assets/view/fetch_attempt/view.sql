SELECT
    last_day(strptime(month, '%Y-%m')::DATE) AS fetched_for,
    system,
    status,
    CASE WHEN duration_ms IS NULL THEN 'inbox' WHEN system IS NULL THEN 'not_a_system' END AS excluded,
    source,
    month,
    sequence
FROM connection.attempt
