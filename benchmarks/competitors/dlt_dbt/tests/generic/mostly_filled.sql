{% test mostly_filled(model, column_name, at_least) %}
SELECT filled FROM (SELECT count({{ column_name }}) / count(*) AS filled FROM {{ model }}) WHERE filled < {{ at_least }}
{% endtest %}
