-- What a definition's SQL returns, window by window, and the inputs of each window.
-- `window_input`: one row for all systems (`system` NULL) and, for a KPI by system, one for each.
CREATE TEMP TABLE observed (
    window_number INTEGER, unit_code VARCHAR, system VARCHAR, statistic VARCHAR, {yielded}, target DOUBLE
);
CREATE TEMP TABLE evaluated_window (
    window_number INTEGER, window_type VARCHAR, window_start DATE, window_end DATE, definition_version BIGINT
);
CREATE TEMP TABLE window_input (
    window_number INTEGER, system VARCHAR, coverage DOUBLE, is_covered BOOLEAN, synthetic BOOLEAN, revision BIGINT
);
