-- Which of two values of one name is meant, nobody knows.
UPDATE json_record SET fault = 'repeated_name'
WHERE fault IS NULL AND len(json_keys(text)) <> list_unique(json_keys(text))
