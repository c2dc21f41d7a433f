-- Which states of the rows of a table count in a view of what there is at the end of months, and why others do not.
--
-- At the end of a month the last state counts that was delivered by then: of a closed month until `states_until`; once
-- any month has closed, of an open one those that were delivered until it; before that any. Where that state is not in
-- the view at the end of the month, nothing counts.
-- Grain: one row a state and day that the view has it on; `reason` is empty where it counts.
CREATE OR REPLACE TEMP TABLE state AS
WITH last AS (
    SELECT source, max(month) AS last_closed FROM closed WHERE table_name = $table GROUP BY ALL
),
of_key AS (
    SELECT DISTINCT source, month, state_hash, key_number, position, is_latest FROM every_state
),
moment AS (
    SELECT DISTINCT key_number, day FROM every_state WHERE day IS NOT NULL
),
dated AS (
    SELECT
        of_key.*,
        moment.day,
        last.last_closed,
        -- A state that is not in the view on that day says so.
        coalesce(every_state.counts, FALSE) AS counts,
        coalesce(every_state.content, 0) AS content,
        of_key.month <= coalesce(
            closed.states_until,
            CASE WHEN moment.day > last_day(last.last_closed) THEN date_trunc('month', moment.day)::DATE END,
            DATE '9999-12-01'
        ) AS is_delivered
    FROM moment
    JOIN of_key USING (key_number)
    LEFT JOIN every_state ON every_state.state_hash = of_key.state_hash AND every_state.day = moment.day
    LEFT JOIN last ON last.source = of_key.source
    LEFT JOIN closed
        ON
            closed.table_name = $table AND closed.source = of_key.source
            AND closed.month = date_trunc('month', moment.day)
),
decided AS (
    SELECT
        key_number,
        day,
        max(position) FILTER (is_delivered) AS chosen,
        max(position) FILTER (coalesce(month <= last_closed, TRUE)) AS latest,
        arg_max(content, position) FILTER (is_delivered) AS chosen_content,
        arg_max(content, position) FILTER (coalesce(month <= last_closed, TRUE)) AS latest_content
    FROM dated
    GROUP BY ALL
)
SELECT
    dated.source,
    dated.month,
    dated.state_hash,
    dated.day,
    CASE
        WHEN dated.position = decided.chosen THEN NULL
        WHEN dated.position < decided.chosen THEN 'earlier_state'
        ELSE 'later_state'
    END AS reason,
    coalesce(
        dated.position = decided.latest AND decided.latest > coalesce(decided.chosen, 0)
        AND decided.latest_content != coalesce(decided.chosen_content, 0),
        FALSE
    ) AS is_waiting,
    date_trunc('month', dated.day)::DATE AS chosen_month,
    chosen_month AS latest_month
FROM dated
JOIN decided USING (key_number, day)
UNION ALL
SELECT
    source,
    month,
    state_hash,
    day,
    CASE WHEN NOT is_latest THEN 'earlier_state' END AS reason,
    FALSE AS is_waiting,
    NULL AS chosen_month,
    NULL AS latest_month
FROM every_state
WHERE day IS NULL
