-- The tables of one evaluation. What is declared and known about it:
CREATE TEMP TABLE kpi (
    kpi_code VARCHAR,
    unit_of_measure VARCHAR,
    decimals INTEGER,
    factor INTEGER,
    sign INTEGER,
    basis VARCHAR,
    is_plain_count BOOLEAN,
    has_denominator BOOLEAN,
    is_reported BOOLEAN,
    by_system BOOLEAN,
    coverage_at_least DOUBLE,
    -- Below this, counts are withheld; empty where nothing is.
    withheld_below INTEGER
);
CREATE TEMP TABLE asked (kpi_code VARCHAR, statistic VARCHAR, levels VARCHAR[]);
-- Whether items count that are found in the other view (`is_wanted`), or those that are not.
CREATE TEMP TABLE looked_for (kpi_code VARCHAR, definition_version BIGINT, statistic VARCHAR, is_wanted BOOLEAN);
CREATE TEMP TABLE part (part_number INTEGER, first_on DATE, last_on DATE, period INTEGER);
-- The periods in which no unit changes, and the province in each.
CREATE TEMP TABLE whole (period INTEGER, unit_code VARCHAR, first_on DATE, last_on DATE);
-- Every unit of each period among the units of another: itself or its successor, and everything above.
CREATE TEMP TABLE unit_above (
    from_period INTEGER,
    to_period INTEGER,
    unit_code VARCHAR,
    above_code VARCHAR,
    above_level VARCHAR,
    above_parent_code VARCHAR
);
-- One row is one window of one KPI, or the part of it that one version applies to.
CREATE TEMP TABLE evaluation (
    evaluation_number INTEGER,
    kpi_code VARCHAR,
    window_type VARCHAR,
    window_start DATE,
    window_end DATE,
    definition_version BIGINT,
    last_version BIGINT,
    part_start DATE,
    part_end DATE,
    units_on DATE,
    is_divided BOOLEAN,
    first_on DATE,
    last_on DATE,
    state_on DATE,
    period INTEGER,
    province_code VARCHAR
);
-- What is there of what KPIs rest on:
CREATE TEMP TABLE system (system VARCHAR);
CREATE TEMP TABLE month (first_on DATE, last_on DATE);
CREATE TEMP TABLE kpi_table (kpi_code VARCHAR, definition_version BIGINT, table_name VARCHAR, basis VARCHAR);
CREATE TEMP TABLE kpi_view (kpi_code VARCHAR, view_name VARCHAR);
CREATE TEMP TABLE source_of (table_name VARCHAR, source VARCHAR, is_system BOOLEAN, has_reporters BOOLEAN);
CREATE TEMP TABLE partition (
    table_name VARCHAR,
    source VARCHAR,
    month DATE,
    is_there BOOLEAN,
    is_stale BOOLEAN,
    synthetic BOOLEAN,
    revision BIGINT,
    accepted BIGINT,
    quarantined BIGINT
);
-- One row for all systems (`system` NULL) and, for a KPI by system, one for each.
CREATE TEMP TABLE input (
    evaluation_number INTEGER,
    system VARCHAR,
    coverage_units DOUBLE,
    coverage_rows DOUBLE,
    is_complete BOOLEAN,
    synthetic BOOLEAN,
    stale_inputs VARCHAR,
    revision BIGINT
);
-- Reports expected and received, rows delivered and used, of tables that declare who reports, by unit.
CREATE TEMP TABLE report (
    table_name VARCHAR,
    month DATE,
    from_period INTEGER,
    unit_code VARCHAR,
    expected BIGINT,
    received BIGINT,
    delivered BIGINT,
    used BIGINT
);
-- What is counted, by the part of the month that it is of:
CREATE TEMP TABLE counted (
    kpi_code VARCHAR,
    definition_version BIGINT,
    statistic VARCHAR,
    basis VARCHAR,
    part_number INTEGER,
    unit_code VARCHAR,
    system VARCHAR,
    numerator DECIMAL(28, 4),
    denominator DECIMAL(28, 4)
);
-- Items that are counted once at every level, and those that they are looked for among (`is_looked_in`).
CREATE TEMP TABLE item (
    kpi_code VARCHAR,
    definition_version BIGINT,
    statistic VARCHAR,
    basis VARCHAR,
    is_looked_in BOOLEAN,
    part_number INTEGER,
    unit_code VARCHAR,
    system VARCHAR,
    item VARCHAR,
    is_counted BOOLEAN
);
-- The months whose partitions the counted rows came with, by the part of the month of their day: the latest state of a
-- dossier that was received in May may have come with June.
CREATE TEMP TABLE counted_month (
    kpi_code VARCHAR, definition_version BIGINT, basis VARCHAR, part_number INTEGER, table_name VARCHAR, month DATE
);
-- What free SQL returns, and figures that others computed:
CREATE TEMP TABLE observed (
    evaluation_number INTEGER,
    unit_code VARCHAR,
    system VARCHAR,
    statistic VARCHAR,
    numerator DECIMAL(28, 4),
    denominator DECIMAL(28, 4),
    value DOUBLE
);
CREATE TEMP TABLE agreed (kpi_code VARCHAR, statistic VARCHAR, agreed_on DATE, system VARCHAR, target DOUBLE);
-- Where the rows of a view's table are: counted (`excluded` NULL), or in no figure for a declared reason.
CREATE TEMP TABLE conserved (
    view_name VARCHAR, table_name VARCHAR, month DATE, unit_code VARCHAR, excluded VARCHAR, row_count BIGINT
);
-- Rows of a view that are in no figure although they belong into one, and the province that they belong to.
CREATE TEMP TABLE lost (
    view_name VARCHAR, table_name VARCHAR, month DATE, from_period INTEGER, unit_code VARCHAR, row_count BIGINT
);
CREATE TEMP TABLE rolled_up (
    evaluation_number INTEGER,
    system VARCHAR,
    statistic VARCHAR,
    unit_code VARCHAR,
    unit_level VARCHAR,
    parent_code VARCHAR,
    numerator DECIMAL(38, 4),
    denominator DECIMAL(38, 4),
    given_value DOUBLE
);
-- Values that are not shown because they count few dossiers, or would reveal others that do.
CREATE TEMP TABLE withheld (evaluation_number INTEGER, statistic VARCHAR, unit_code VARCHAR);
