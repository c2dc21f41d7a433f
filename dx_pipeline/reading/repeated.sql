-- Rows whose key is repeated become duplicates, or are quarantined where its rows contradict each other.
UPDATE disposition SET
    disposition = CASE WHEN is_conflict THEN 'quarantined' ELSE 'duplicate' END,
    reason = CASE WHEN is_conflict THEN $conflict END
FROM repeated
WHERE
    disposition.delivery_position = repeated.delivery_position
    AND disposition.delivery_line = repeated.delivery_line
    AND (is_conflict OR is_repeated)
