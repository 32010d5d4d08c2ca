DROP FUNCTION usage_rates(uuid, text, text, timestamptz, timestamptz);
DROP FUNCTION usage_cost(uuid, text, text, timestamptz, bigint, bigint, bigint, bigint, bigint);
DROP FUNCTION usage_charges(bigint, bigint, bigint, bigint, bigint, numeric, numeric, numeric, numeric, numeric);
DROP FUNCTION usage_charge(bigint, numeric);
DROP FUNCTION usage_price(uuid, text, text, bigint, timestamptz);
DROP TABLE display_currencies, usage_prices;
