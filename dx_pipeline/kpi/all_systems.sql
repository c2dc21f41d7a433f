-- What is told system by system is also observed for all of them together. What was agreed with one
-- system is no target for all.
INSERT INTO observed SELECT * REPLACE (NULL AS system, NULL AS target) FROM observed WHERE system IS NOT NULL
