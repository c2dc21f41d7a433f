-- What becomes of each typed row, repeated keys aside.
CREATE OR REPLACE TEMP TABLE disposition AS
SELECT
    delivery_position,
    delivery_line,
    CASE
        WHEN filter_code IS NOT NULL THEN 'filtered'
        WHEN reason IS NOT NULL THEN 'quarantined'
        WHEN delivery_position IN (SELECT unnest($replaced::INTEGER[])) THEN 'duplicate'
        ELSE 'accepted'
    END AS disposition,
    reason
FROM typed
