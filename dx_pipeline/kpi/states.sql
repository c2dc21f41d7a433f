-- Which states of the rows of a table count in a view, and why the others do not.
--
-- A state counts towards the month of its day. A closed month has the states of the months until `states_until`. Once
-- any month has closed, an open one has those that were delivered for it: what a later month says of it would be gone
-- when it closes. Of several states the last one counts, but none takes a row out of a closed month.
-- Grain: one row a state that a row of the table is; `reason` is empty for the one that counts.
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
followed AS (
    SELECT
        *,
        min(month) FILTER (month <= until) OVER (
            PARTITION BY key_number ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS next_month
    FROM dated
),
of_key AS (
    SELECT
        key_number,
        coalesce(
            arg_min(followed, position) FILTER (month <= until AND counts AND coalesce(next_month > until, TRUE)),
            arg_max(followed, position) FILTER (month <= until)
        ) AS chosen,
        arg_max(followed, position) FILTER (coalesce(month <= last_closed, TRUE)) AS latest
    FROM followed
    GROUP BY ALL
),
decided AS (
    SELECT
        key_number,
        chosen,
        latest,
        -- The latest state says nothing new: it is the one that counts.
        CASE WHEN latest.content = chosen.content THEN greatest(latest.position, chosen.position) END AS same,
        coalesce(latest.position > chosen.position AND latest.content != chosen.content, chosen IS NULL) AS is_waiting
    FROM of_key
)
SELECT
    followed.source,
    followed.month,
    followed.delivery_id,
    followed.delivery_line,
    CASE
        WHEN followed.position = coalesce(decided.same, decided.chosen.position) THEN NULL
        WHEN
            followed.position < coalesce(decided.same, decided.chosen.position)
            OR followed.content = decided.chosen.content
            THEN 'earlier_state'
        ELSE 'later_state'
    END AS reason,
    decided.is_waiting AND followed.position = decided.latest.position AS is_waiting,
    CASE WHEN decided.chosen.counts THEN date_trunc('month', decided.chosen.day)::DATE END AS chosen_month,
    CASE WHEN decided.latest.counts THEN date_trunc('month', decided.latest.day)::DATE END AS latest_month
FROM followed
JOIN decided USING (key_number)
