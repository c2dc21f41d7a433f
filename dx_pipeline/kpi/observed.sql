-- What a definition's SQL returns, window by window (each KPI fills some of these columns), and the inputs
-- of each window.
CREATE TEMP TABLE observed (
    window_number INTEGER,
    unit_code VARCHAR,
    system VARCHAR,
    statistic VARCHAR,
    numerator DECIMAL(28, 4),
    denominator DECIMAL(28, 4),
    item VARCHAR,
    is_counted BOOLEAN,
    value DOUBLE,
    target DOUBLE
);
CREATE TEMP TABLE evaluated_window (
    window_number INTEGER, window_type VARCHAR, window_start DATE, window_end DATE, definition_version BIGINT
);
-- One row for all systems (`system` NULL) and, for a KPI by system, one for each.
CREATE TEMP TABLE window_input (
    window_number INTEGER, system VARCHAR, coverage DOUBLE, is_covered BOOLEAN, synthetic BOOLEAN, revision BIGINT
);
