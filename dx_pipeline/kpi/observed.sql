-- What a definition's SQL returns, window by window, and what each window rests on.
-- `ground`: one row for all systems (`system` NULL) and, where asked for, one for each.
CREATE TEMP TABLE observed (
    window_number INTEGER, unit_code VARCHAR, system VARCHAR, statistic VARCHAR, {yielded}, target DOUBLE
);
CREATE TEMP TABLE evaluated_window (
    window_number INTEGER, window_type VARCHAR, window_start DATE, window_end DATE, definition_version BIGINT
);
CREATE TEMP TABLE ground (
    window_number INTEGER, system VARCHAR, coverage DOUBLE, is_covered BOOLEAN, synthetic BOOLEAN, revision BIGINT
);
