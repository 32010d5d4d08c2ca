DROP FUNCTION ccr_budgets_check(uuid);
DROP FUNCTION ccr_budget_tell(budgets, integer, numeric, timestamptz, timestamptz);
DROP FUNCTION ccr_budget_switch(budgets);
DROP FUNCTION ccr_budget_status(budgets, text, timestamptz);
DROP FUNCTION ccr_budget_spent(budgets, timestamptz, timestamptz);
DROP FUNCTION ccr_budget_counts(budgets, uuid, text, text, text, text, text);
DROP FUNCTION ccr_budget_period(text, date, text, timestamptz);
DROP TABLE ui_budgets, webhook_deliveries, webhooks, budget_notices, budgets;
