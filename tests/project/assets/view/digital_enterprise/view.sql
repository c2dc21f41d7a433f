SELECT last_day(month) AS counted_on, unit_code, enterprise_count, month, delivery_id, delivery_line
FROM programme.digital_enterprise
