{{ config(materialized='external', location=env_var('DOSSIERS_ROWS'), format='parquet', options={'compression': 'zstd'}) }}
SELECT
    trim(dossier_code) AS dossier_code, trim(procedure_code) AS procedure_code, trim(agency_code) AS agency_code,
    CASE trim(channel)
        WHEN 'Trực tuyến' THEN 'online' WHEN 'Trực tiếp' THEN 'direct' WHEN 'Bưu chính' THEN 'post' ELSE channel
    END AS channel,
    CASE trim(dossier_status)
        WHEN 'Đang giải quyết' THEN 'in_progress' WHEN 'Đã giải quyết' THEN 'finished'
        WHEN 'Trả lại' THEN 'returned' WHEN 'Dừng xử lý' THEN 'stopped' ELSE dossier_status
    END AS dossier_status,
    {% for name in ['received_on', 'due_on', 'finished_on', 'returned_on', 'stopped_on', 'supplement_requested_on',
                    'supplement_received_on'] %}
    strptime(trim({{ name }}), '%d/%m/%Y')::DATE AS {{ name }},
    {% endfor %}
    {% for name in ['has_complaint', 'paid_online', 'has_electronic_result', 'has_digitised_result',
                    'is_synchronised'] %}
    CASE trim({{ name }}) WHEN 'Có' THEN true WHEN 'Không' THEN false
        WHEN {{ name }} THEN error('{{ name }} has a word that is not known') END AS {{ name }},
    {% endfor %}
    {% for name in ['supplement_count', 'components_count', 'components_digitised_count',
                    'components_reused_count'] %}
    trim({{ name }})::BIGINT AS {{ name }},
    {% endfor %}
    replace(trim(fee_vnd), ',', '.')::DOUBLE AS fee_vnd
FROM {{ source('delivered', 'dossier') }}
