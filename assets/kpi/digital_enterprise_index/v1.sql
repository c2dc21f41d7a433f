SELECT unit_code, value
FROM programme.published_figure
WHERE
    kpi_code = 'digital_enterprise_index'
    AND period_start = $window_start AND period_end = $window_end
