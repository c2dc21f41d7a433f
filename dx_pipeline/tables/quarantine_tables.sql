-- The tables that quarantined lines are collected in.
CREATE TEMP TABLE broken (
    table_name VARCHAR,
    source VARCHAR,
    month VARCHAR,
    is_held_back BOOLEAN,
    delivery_id VARCHAR,
    delivery_line BIGINT,
    column_name VARCHAR,
    reason_code VARCHAR,
    reporter VARCHAR,
    synthetic BOOLEAN
);
CREATE TEMP TABLE delivery (
    source VARCHAR,
    month VARCHAR,
    delivery_id VARCHAR,
    file_name VARCHAR,
    delivered_at TIMESTAMPTZ
);
CREATE TEMP TABLE source_title (source VARCHAR, title VARCHAR);
CREATE TEMP TABLE agency_name (table_name VARCHAR, code VARCHAR, name VARCHAR)
