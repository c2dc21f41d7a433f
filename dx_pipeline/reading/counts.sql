-- Where the rows of each delivery went.
SELECT
    delivery_position,
    count(*) FILTER (disposition = 'accepted') AS accepted,
    count(*) FILTER (disposition = 'duplicate') AS duplicate,
    count(*) FILTER (disposition = 'filtered') AS filtered,
    count(*) FILTER (disposition = 'quarantined') AS quarantined
FROM disposition
GROUP BY delivery_position
