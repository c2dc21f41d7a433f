-- Which states of the rows of a table count in a view, and why the others do not.
--
-- A state counts towards the month of its day. A closed month has the states of the months until `states_until`. Once
-- any month has closed, an open one has those that were delivered for it: what a later month says of it would be gone
-- when it closes. Of several states the last one counts, but none takes a row out of a closed month.
-- Grain: one row a state; `reason` is empty for the one of its key that counts.
CREATE OR REPLACE TEMP TABLE state AS
WITH last AS (
    SELECT source, max(month) AS last_closed FROM closed WHERE table_name = $table GROUP BY ALL
),
dated AS (
    SELECT
        every_state.*,
        last.last_closed,
        coalesce(
            closed.states_until,
            CASE WHEN every_state.day > last_day(last.last_closed) THEN date_trunc('month', every_state.day)::DATE END,
            DATE '9999-12-01'
        ) AS until
    FROM every_state
    LEFT JOIN last USING (source)
    LEFT JOIN closed
        ON
            closed.table_name = $table AND closed.source = every_state.source
            AND closed.month = date_trunc('month', every_state.day)
),
at_issue AS (
    -- Of the other keys the last state counts.
    SELECT key_number FROM dated GROUP BY ALL HAVING max(month) > min(until)
),
followed AS (
    SELECT
        *,
        min(month) FILTER (month <= until) OVER (
            PARTITION BY key_number ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_month
    FROM dated
    SEMI JOIN at_issue USING (key_number)
),
of_key AS (
    SELECT
        key_number,
        coalesce(
            min(position) FILTER (month <= until AND counts AND coalesce(next_month > until, TRUE)),
            max(position) FILTER (month <= until)
        ) AS chosen,
        max(position) FILTER (coalesce(month <= last_closed, TRUE)) AS latest
    FROM followed
    GROUP BY ALL
),
decided AS (
    SELECT
        of_key.key_number,
        chosen.content,
        latest.position AS latest,
        -- Where the latest state says nothing new, it is the one that counts.
        CASE
            WHEN latest.content = chosen.content THEN greatest(latest.position, chosen.position)
            ELSE chosen.position
        END AS counted,
        chosen.position IS NULL OR (latest.position > chosen.position AND latest.content != chosen.content)
            AS is_waiting,
        CASE WHEN chosen.counts THEN date_trunc('month', chosen.day)::DATE END AS chosen_month,
        CASE WHEN latest.counts THEN date_trunc('month', latest.day)::DATE END AS latest_month
    FROM of_key
    LEFT JOIN followed AS chosen ON chosen.key_number = of_key.key_number AND chosen.position = of_key.chosen
    LEFT JOIN followed AS latest ON latest.key_number = of_key.key_number AND latest.position = of_key.latest
)
SELECT
    followed.source,
    followed.month,
    followed.state_hash,
    CASE
        WHEN followed.position = decided.counted THEN NULL
        WHEN followed.position < decided.counted OR followed.content = decided.content THEN 'earlier_state'
        ELSE 'later_state'
    END AS reason,
    coalesce(decided.is_waiting AND followed.position = decided.latest, FALSE) AS is_waiting,
    decided.chosen_month,
    decided.latest_month
FROM followed
JOIN decided USING (key_number)
UNION ALL
SELECT
    source,
    month,
    state_hash,
    CASE WHEN NOT is_latest THEN 'earlier_state' END AS reason,
    FALSE AS is_waiting,
    NULL AS chosen_month,
    NULL AS latest_month
FROM dated
ANTI JOIN at_issue USING (key_number)
