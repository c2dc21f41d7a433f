-- The delivery at each position of a partition.
CREATE OR REPLACE TEMP TABLE delivered AS
SELECT
    unnest($positions::INTEGER[]) AS delivery_position,
    unnest($ids::VARCHAR[]) AS delivery_id,
    unnest($synthetic::BOOLEAN[]) AS synthetic
