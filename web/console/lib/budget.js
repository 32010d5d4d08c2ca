// What a budget has come to, as the overview of usage and the page of budgets show it.
import { levelBar } from "./chart.js";
import { languageTag, t } from "./ui.js";
import { moneyInFull } from "./usage.js";

export const inPercent = (value) =>
    new Intl.NumberFormat(languageTag(), { style: "percent", maximumFractionDigits: 2 }).format(value / 100);

export const spentText = (budget) =>
    t("budget.spent", {
        spent: moneyInFull(budget.spent),
        amount: moneyInFull(budget.amount),
        percent: inPercent(budget.percent),
    });

export const spentBar = (budget) => levelBar(`${budget.name}: ${spentText(budget)}`, budget.percent, budget.levels);

/** [what, amount]: those that there are. */
export const forecasts = (budget) =>
    ["forecast_pace", "forecast_week"]
        .filter((name) => budget[name] !== null)
        .map((name) => [t(`budget.${name}`), moneyInFull(budget[name])]);
