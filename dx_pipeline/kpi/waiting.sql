-- The closed months whose figures a state would change that waits for a revision.
INSERT INTO waiting
SELECT
    $view AS view_name,
    $table AS table_name,
    state.source,
    closed.month,
    state.month AS state_month,
    count(*) AS row_count
FROM state
JOIN closed
    ON
        closed.table_name = $table AND closed.source = state.source
        AND closed.month IN (state.chosen_month, state.latest_month) AND closed.states_until < state.month
WHERE state.is_waiting
GROUP BY ALL
