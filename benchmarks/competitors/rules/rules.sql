-- The rules of statistics.dossier as one SQL script: its contract, its words, its suite.
-- Variables: csv (the delivery), agencies (the reference file), known_until (the last day the delivery can know of).
CREATE TABLE agency AS
SELECT agency_code, valid_from, valid_to
FROM read_csv(
    getvariable('agencies'), header = true,
    types = {'agency_code': 'VARCHAR', 'valid_from': 'DATE', 'valid_to': 'DATE'}
);

CREATE TYPE channel AS ENUM ('online', 'direct', 'post');
CREATE TYPE dossier_status AS ENUM ('in_progress', 'finished', 'returned', 'stopped');

CREATE MACRO day(text) AS CASE
    WHEN try_strptime(text, '%d/%m/%Y')::DATE BETWEEN DATE '1900-01-01' AND DATE '2199-12-31'
        THEN try_strptime(text, '%d/%m/%Y')::DATE
END;
CREATE MACRO yes_or_no(text) AS CASE text WHEN 'Có' THEN true WHEN 'Không' THEN false END;

-- Every line typed, with the first rule that it breaks: first what cannot be read, then the rules of the contract.
CREATE TABLE typed AS
WITH line AS (
    SELECT row_number() OVER () + 2 AS delivery_line, nullif(trim(COLUMNS(*)), '')
    FROM read_csv(
        getvariable('csv'), auto_detect = false, header = true, skip = 1, delim = ';', quote = '"', escape = '"',
        nullstr = '', columns = {
            'dossier_code': 'VARCHAR', 'procedure_code': 'VARCHAR', 'agency_code': 'VARCHAR', 'channel': 'VARCHAR',
            'received_on': 'VARCHAR', 'due_on': 'VARCHAR', 'finished_on': 'VARCHAR', 'returned_on': 'VARCHAR',
            'stopped_on': 'VARCHAR', 'dossier_status': 'VARCHAR', 'supplement_count': 'VARCHAR',
            'supplement_requested_on': 'VARCHAR', 'supplement_received_on': 'VARCHAR', 'has_complaint': 'VARCHAR',
            'fee_vnd': 'VARCHAR', 'paid_online': 'VARCHAR', 'has_electronic_result': 'VARCHAR',
            'components_count': 'VARCHAR', 'components_digitised_count': 'VARCHAR',
            'components_reused_count': 'VARCHAR', 'has_digitised_result': 'VARCHAR', 'is_synchronised': 'VARCHAR'
        }
    )
),
value AS (
    SELECT
        delivery_line, line AS text,
        dossier_code, procedure_code, agency_code,
        CASE channel WHEN 'Trực tuyến' THEN 'online' WHEN 'Trực tiếp' THEN 'direct' WHEN 'Bưu chính' THEN 'post' END
            ::channel AS channel,
        day(received_on) AS received_on, day(due_on) AS due_on, day(finished_on) AS finished_on,
        day(returned_on) AS returned_on, day(stopped_on) AS stopped_on,
        CASE dossier_status
            WHEN 'Đang giải quyết' THEN 'in_progress' WHEN 'Đã giải quyết' THEN 'finished'
            WHEN 'Trả lại' THEN 'returned' WHEN 'Dừng xử lý' THEN 'stopped'
        END::dossier_status AS dossier_status,
        try_cast(supplement_count AS BIGINT) AS supplement_count,
        day(supplement_requested_on) AS supplement_requested_on,
        day(supplement_received_on) AS supplement_received_on,
        yes_or_no(has_complaint) AS has_complaint,
        try_cast(replace(fee_vnd, ',', '.') AS DOUBLE) AS fee_vnd,
        yes_or_no(paid_online) AS paid_online, yes_or_no(has_electronic_result) AS has_electronic_result,
        try_cast(components_count AS BIGINT) AS components_count,
        try_cast(components_digitised_count AS BIGINT) AS components_digitised_count,
        try_cast(components_reused_count AS BIGINT) AS components_reused_count,
        yes_or_no(has_digitised_result) AS has_digitised_result, yes_or_no(is_synchronised) AS is_synchronised
    FROM line
)
SELECT
    * EXCLUDE (text),
    CASE
        WHEN text.channel IS NOT NULL AND channel IS NULL THEN 'unknown_word|channel'
        WHEN text.received_on IS NOT NULL AND received_on IS NULL THEN 'not_a_date|received_on'
        WHEN text.due_on IS NOT NULL AND due_on IS NULL THEN 'not_a_date|due_on'
        WHEN text.finished_on IS NOT NULL AND finished_on IS NULL THEN 'not_a_date|finished_on'
        WHEN text.returned_on IS NOT NULL AND returned_on IS NULL THEN 'not_a_date|returned_on'
        WHEN text.stopped_on IS NOT NULL AND stopped_on IS NULL THEN 'not_a_date|stopped_on'
        WHEN text.dossier_status IS NOT NULL AND dossier_status IS NULL THEN 'unknown_word|dossier_status'
        WHEN text.supplement_count IS NOT NULL AND supplement_count IS NULL THEN 'not_a_number|supplement_count'
        WHEN text.supplement_requested_on IS NOT NULL AND supplement_requested_on IS NULL
            THEN 'not_a_date|supplement_requested_on'
        WHEN text.supplement_received_on IS NOT NULL AND supplement_received_on IS NULL
            THEN 'not_a_date|supplement_received_on'
        WHEN text.has_complaint IS NOT NULL AND has_complaint IS NULL THEN 'unknown_word|has_complaint'
        WHEN text.fee_vnd IS NOT NULL AND fee_vnd IS NULL THEN 'not_a_number|fee_vnd'
        WHEN text.paid_online IS NOT NULL AND paid_online IS NULL THEN 'unknown_word|paid_online'
        WHEN text.has_electronic_result IS NOT NULL AND has_electronic_result IS NULL
            THEN 'unknown_word|has_electronic_result'
        WHEN text.components_count IS NOT NULL AND components_count IS NULL THEN 'not_a_number|components_count'
        WHEN text.components_digitised_count IS NOT NULL AND components_digitised_count IS NULL
            THEN 'not_a_number|components_digitised_count'
        WHEN text.components_reused_count IS NOT NULL AND components_reused_count IS NULL
            THEN 'not_a_number|components_reused_count'
        WHEN text.has_digitised_result IS NOT NULL AND has_digitised_result IS NULL
            THEN 'unknown_word|has_digitised_result'
        WHEN text.is_synchronised IS NOT NULL AND is_synchronised IS NULL THEN 'unknown_word|is_synchronised'
        WHEN dossier_code IS NULL THEN 'missing|dossier_code'
        WHEN NOT regexp_matches(dossier_code, '^[0-9A-Z.]+-[0-9]{6}-[0-9]{4,7}$') THEN 'malformed|dossier_code'
        WHEN procedure_code IS NULL THEN 'missing|procedure_code'
        WHEN NOT regexp_matches(procedure_code, '^[0-9]\.[0-9]{6}$') THEN 'malformed|procedure_code'
        WHEN agency_code IS NULL THEN 'missing|agency_code'
        WHEN agency_code NOT IN (SELECT agency_code FROM agency) THEN 'unknown_reference|agency_code'
        WHEN received_on IS NULL THEN 'missing|received_on'
        WHEN dossier_status IS NULL THEN 'missing|dossier_status'
        WHEN supplement_count NOT BETWEEN 0 AND 100 THEN 'out_of_range|supplement_count'
        WHEN fee_vnd NOT BETWEEN 0 AND 100000000000 THEN 'out_of_range|fee_vnd'
        WHEN components_count NOT BETWEEN 0 AND 1000 THEN 'out_of_range|components_count'
        WHEN components_digitised_count NOT BETWEEN 0 AND 1000 THEN 'out_of_range|components_digitised_count'
        WHEN components_reused_count NOT BETWEEN 0 AND 1000 THEN 'out_of_range|components_reused_count'
        WHEN received_on > DATE '2022-06-30' THEN 'outside_month|received_on'
        WHEN finished_on < received_on THEN 'finished_before_received|'
        WHEN returned_on < received_on THEN 'returned_before_received|'
        WHEN stopped_on < received_on THEN 'stopped_before_received|'
        WHEN greatest(finished_on, returned_on, stopped_on) > getvariable('known_until') THEN 'ended_in_the_future|'
        WHEN dossier_status = 'in_progress' AND coalesce(finished_on, returned_on, stopped_on) IS NOT NULL
            THEN 'in_progress_with_end|'
        WHEN due_on < received_on THEN 'due_before_received|'
        WHEN supplement_requested_on < received_on THEN 'supplement_requested_before_received|'
        WHEN supplement_received_on < supplement_requested_on THEN 'supplement_received_before_requested|'
        WHEN greatest(supplement_requested_on, supplement_received_on) > getvariable('known_until')
            THEN 'supplement_in_the_future|'
        WHEN supplement_received_on IS NOT NULL AND supplement_requested_on IS NULL THEN 'supplement_not_requested|'
        WHEN supplement_requested_on IS NOT NULL AND supplement_count = 0 THEN 'supplement_not_counted|'
        WHEN paid_online AND fee_vnd = 0 THEN 'nothing_paid_online|'
        WHEN components_digitised_count > components_count THEN 'more_digitised_than_components|'
        WHEN components_reused_count > components_digitised_count THEN 'more_reused_than_digitised|'
        WHEN components_reused_count > components_count THEN 'more_reused_than_components|'
    END AS reason
FROM value;

-- A key that is there twice: rows of the same content count once, others are all bad.
CREATE TABLE repeated AS
WITH twice AS (
    SELECT dossier_code FROM typed WHERE reason IS NULL GROUP BY dossier_code HAVING count(*) > 1
),
compared AS (
    SELECT
        delivery_line, dossier_code,
        hash(row(
            procedure_code, agency_code, channel, received_on, due_on, finished_on, returned_on, stopped_on,
            dossier_status, supplement_count, supplement_requested_on, supplement_received_on, has_complaint, fee_vnd,
            paid_online, has_electronic_result, components_count, components_digitised_count, components_reused_count,
            has_digitised_result, is_synchronised
        )) AS content
    FROM typed SEMI JOIN twice USING (dossier_code)
    WHERE reason IS NULL
)
SELECT
    delivery_line,
    min(content) OVER same_key <> max(content) OVER same_key AS is_conflict,
    row_number() OVER (PARTITION BY dossier_code ORDER BY delivery_line) > 1 AS is_repeated
FROM compared
WINDOW same_key AS (PARTITION BY dossier_code);

DELETE FROM repeated WHERE NOT is_conflict AND NOT is_repeated;

CREATE TABLE quarantined AS
SELECT delivery_line, split_part(reason, '|', 1) AS reason_code, nullif(split_part(reason, '|', 2), '') AS column_name
FROM typed WHERE reason IS NOT NULL
UNION ALL
SELECT delivery_line, 'key_conflict', 'dossier_code' FROM repeated WHERE is_conflict;

CREATE VIEW accepted AS
SELECT * EXCLUDE (reason), DATE '2022-06-01' AS month, getvariable('csv') AS delivery
FROM typed
WHERE reason IS NULL AND delivery_line NOT IN (SELECT delivery_line FROM repeated);

-- The suite: how many rows each expectation finds, and how many values are empty.
CREATE TABLE suite AS
SELECT
    count(*) AS accepted,
    count(*) FILTER (channel IS NULL) AS without_channel,
    count(*) FILTER (
        dossier_status = 'finished' AND finished_on IS NULL OR dossier_status = 'returned' AND returned_on IS NULL
        OR dossier_status = 'stopped' AND stopped_on IS NULL
    ) AS ended_without_day,
    count(*) FILTER (dossier_status = 'in_progress' AND (has_electronic_result OR has_digitised_result)) AS outdated,
    count(*) FILTER (supplement_count > 0 AND supplement_requested_on IS NULL) AS supplement_without_day,
    count(*) FILTER (supplement_received_on > coalesce(finished_on, returned_on, stopped_on)) AS supplement_after_end,
    count(*) FILTER (fee_vnd > 0 AND paid_online IS NULL) AS fee_without_payment,
    count(*) FILTER (
        dossier_status = 'finished' AND (has_electronic_result IS NULL OR has_digitised_result IS NULL)
    ) AS finished_without_result,
    count(*) FILTER (components_count = 0) AS without_components,
    count(*) FILTER (supplement_count IS NULL) AS without_supplement_count,
    count(*) FILTER (has_complaint IS NULL) AS without_complaint,
    count(*) FILTER (components_count IS NULL) AS without_components_count,
    count(*) FILTER (is_synchronised IS NULL) AS without_synchronised,
    count(*) FILTER (received_on < month - INTERVAL 2 YEAR) AS very_old,
    count(*) FILTER (
        NOT EXISTS (
            SELECT * FROM agency
            WHERE agency.agency_code = accepted.agency_code AND agency.valid_from <= accepted.received_on
                AND (agency.valid_to IS NULL OR agency.valid_to >= accepted.received_on)
        )
    ) AS not_in_force
FROM accepted;

-- Conservation, and what is critical in the suite: nothing is written where one of them fails.
SELECT CASE
    WHEN accepted < 1 THEN error('no dossier was accepted')
    WHEN accepted + (SELECT count(*) FROM quarantined)
        + (SELECT count(*) FROM repeated WHERE is_repeated AND NOT is_conflict) <> (SELECT count(*) FROM typed)
        THEN error('lines were lost')
END
FROM suite;

COPY (FROM accepted) TO (getvariable('rows')) (FORMAT parquet, COMPRESSION zstd);
COPY (FROM quarantined) TO (getvariable('bad_rows')) (FORMAT parquet, COMPRESSION zstd);
COPY (FROM suite) TO (getvariable('results')) (FORMAT json);

SELECT
    count(*) AS received, count(*) FILTER (channel = 'online') AS online,
    count(*) FILTER (channel IS NULL) AS channel_missing, coalesce(sum(components_reused_count), 0)::BIGINT AS reused
FROM read_parquet(getvariable('rows'))
WHERE received_on BETWEEN DATE '2022-06-01' AND DATE '2022-06-30';
