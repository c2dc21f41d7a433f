-- Figures that others computed, as they were published for the very window.
INSERT INTO observed BY NAME
SELECT evaluation.evaluation_number, published.unit_code, published.value
FROM evaluation
JOIN kpi ON kpi.kpi_code = evaluation.kpi_code AND kpi.is_reported
JOIN programme.published_figure AS published
    ON
        published.kpi_code = evaluation.kpi_code
        AND published.period_start = evaluation.window_start AND published.period_end = evaluation.window_end
