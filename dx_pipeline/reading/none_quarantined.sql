-- No rows that broke the contract.
CREATE TABLE quarantined (
    delivery_id VARCHAR,
    delivery_line BIGINT,
    reason_code VARCHAR,
    column_name VARCHAR,
    reporter VARCHAR,
    synthetic BOOLEAN
)
