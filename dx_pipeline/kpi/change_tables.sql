-- The KPIs and units whose values are compared.
-- `form`: what a value is of its counts: a ratio, a count, a number of items counted once at every level, or opaque.
-- `members`: what its counts add up from: units, systems, or nothing. `has_units`: whether rows belong to units at all.
CREATE OR REPLACE TEMP TABLE kpi_kind (
    kpi_code VARCHAR, form VARCHAR, factor INTEGER, members VARCHAR, has_units BOOLEAN
);
CREATE OR REPLACE TEMP TABLE unit_period (
    period INTEGER, first_on DATE, last_on DATE, unit_code VARCHAR, parent_code VARCHAR
);
CREATE OR REPLACE TEMP TABLE continued (
    from_period INTEGER,
    from_code VARCHAR,
    from_parent VARCHAR,
    to_period INTEGER,
    to_code VARCHAR,
    to_parent VARCHAR,
    is_same_area BOOLEAN
);
CREATE OR REPLACE TEMP TABLE placed (
    from_period INTEGER,
    from_whole VARCHAR,
    to_period INTEGER,
    to_whole VARCHAR,
    unit_code VARCHAR,
    is_after BOOLEAN,
    block VARCHAR,
    kind VARCHAR,
    is_single BOOLEAN
);
-- What differs between two releases: definitions, and partitions of the tables that KPIs rest on (`is_state`: a later
-- month may have another state of an earlier row; `month` NULL: reference data; `is_revised`: by an accepted revision).
CREATE OR REPLACE TEMP TABLE kpi_table (kpi_code VARCHAR, table_name VARCHAR, is_state BOOLEAN);
CREATE OR REPLACE TEMP TABLE changed_partition (table_name VARCHAR, month DATE, is_revised BOOLEAN);
CREATE OR REPLACE TEMP TABLE redefined (kpi_code VARCHAR);
