SELECT
    count(*) AS received, count(*) FILTER (channel = 'online') AS online,
    count(*) FILTER (channel IS NULL) AS channel_missing, coalesce(sum(components_reused_count), 0)::BIGINT AS reused
FROM {{ ref('dossier') }}
WHERE received_on BETWEEN DATE '2022-06-01' AND DATE '2022-06-30'
