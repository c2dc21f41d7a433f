SELECT
    last_day(community_group.month) AS existing_on,
    unit.unit_code,
    CASE
        WHEN established_on > existing_on OR dissolved_on <= existing_on THEN 'not_existing'
        WHEN unit.unit_code IS NULL THEN 'not_in_force'
    END AS excluded,
    community_group.month,
    community_group.delivery_id,
    community_group.delivery_line
FROM programme.community_group AS community_group
LEFT JOIN reference.unit_of AS unit
    ON
        unit.code = community_group.unit_code
        AND last_day(community_group.month) BETWEEN unit.valid_from AND unit.valid_to
