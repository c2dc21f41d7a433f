SELECT agency_code, valid_from, valid_to
FROM read_csv(
    '{{ env_var("DOSSIERS_AGENCIES") }}', header = true,
    types = {'agency_code': 'VARCHAR', 'valid_from': 'DATE', 'valid_to': 'DATE'}
)
