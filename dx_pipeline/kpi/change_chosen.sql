-- One chosen value against another one.
INSERT INTO pair
SELECT
    CASE
        WHEN earlier.is_before <> later.is_before THEN 'release'
        WHEN
            (earlier.part_start IS NOT DISTINCT FROM later.part_start)
            AND earlier.window_start = later.window_start AND earlier.window_end = later.window_end
            THEN 'unit'
        ELSE 'window'
    END AS compared_with,
    earlier.figure_number AS before_number,
    later.figure_number AS after_number
FROM figure AS earlier
CROSS JOIN figure AS later
WHERE earlier.figure_number = $before_number AND later.figure_number = $after_number
