-- A ratio of counts, times a scale, rounded half up. Four decimals of the counts are kept exactly, so
-- that rounding is exact too; `scale` is a whole number (100 for a percentage, times ten for each decimal).
CREATE OR REPLACE TEMP MACRO half_up(numerator, denominator, scale) AS
sign(numerator) * (
    (2 * cast(abs(numerator) * 10000 AS HUGEINT) * cast(scale AS HUGEINT) + cast(denominator * 10000 AS HUGEINT))
    // (2 * cast(denominator * 10000 AS HUGEINT))
)
