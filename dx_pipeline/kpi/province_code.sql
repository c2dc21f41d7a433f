-- The code of the province on the last day of the window.
SELECT unit_code
FROM reference.admin_unit
WHERE
    unit_level = 'province'
    AND valid_from <= $window_end
    AND (valid_to IS NULL OR valid_to >= $window_end)
