// Budgets: where each stands, what it counts and does, and who is told; administrators of the workspace change them.
import { address, get, remove, session, whenChanged } from "../lib/api.js";
import { attempt, confirm, count, gathered, h, languageTag, renew, small, t, tell } from "../lib/ui.js";
import { forecasts, inPercent, spentBar, spentText } from "../lib/budget.js";
import { askBudget } from "../lib/budget_form.js";
import { link } from "../lib/router.js";
import { dateIn, dayText, head, knownZone, moneyInFull } from "../lib/usage.js";
import { webhooks } from "../lib/webhooks.js";

const ALL = 100; // a workspace has no more
const QUIET_MS = 1000; // several levels may be reached by one call
const FILTERS = ["platform", "provider", "profile", "model", "project"];

/** A time as the days of the budget's zone have it. */
const moment = (budget, time) =>
    new Date(time).toLocaleString(languageTag(), {
        timeZone: knownZone(budget.time_zone),
        dateStyle: "medium",
        timeStyle: "short",
    });
const dayOf = (budget, time) => dayText(dateIn(knownZone(budget.time_zone), new Date(time)));

function periodText(budget) {
    const from = dayOf(budget, budget.period_start);
    if (!budget.period_end) return t("budget.since", { from });
    const to = dayOf(budget, new Date(budget.period_end) - 1);
    const days = from === to ? from : t("budget.from_to", { from, to });
    return t("budget.pair", { what: t(`budget.period_${budget.period}`), value: `${days} (${budget.time_zone})` });
}

function countedText(budget) {
    const pair = (what, value) => t("budget.pair", { what: t(`usage.by_${what}`), value });
    const people = budget.users.length ? [pair("user", budget.users.join(", "))] : [];
    const others = FILTERS.filter((name) => budget[name]).map((name) => pair(name, budget[name]));
    return [...people, ...others].join(" · ") || t("budget.everything");
}

const badge = (text, kind) => [" ", h("span", { class: `badge text-bg-${kind}` }, text)];

const badges = (budget) => [
    budget.enabled ? null : badge(t("list.off"), "secondary"),
    budget.percent >= 100 ? badge(t("budget.used_up"), "danger") : null,
    budget.stopped ? badge(t("budget.stopped"), "danger") : null,
];

const reachedText = (budget) =>
    budget.reached.map(({ level, at, spent }) =>
        h("div", t("budget.level", { level: inPercent(level), at: moment(budget, at), spent: moneyInFull(spent) })),
    );

/** [what, how it is]; nothing of it where that is not known. */
const factsOf = (budget) =>
    [
        [t("usage.period"), periodText(budget)],
        [t("budget.counts"), countedText(budget)],
        [t("budget.levels"), budget.levels.map(inPercent).join(", ")],
        [t("budget.reached"), budget.reached.length ? reachedText(budget) : t("budget.reached_none")],
        ...forecasts(budget),
        [t("budget.used_up_at"), budget.used_up_at && moment(budget, budget.used_up_at)],
        [t("budget.action"), t(`budget.does_${budget.action}`, { name: budget.switch_to })],
        [
            t("usage.unpriced"),
            budget.unpriced
                ? h(
                      "a",
                      { href: link("usage", "prices") },
                      t("usage.calls_unpriced", { count: count(budget.unpriced) }),
                  )
                : null,
        ],
    ].filter(([, said]) => said);

const card = (budget, actions) =>
    h(
        "div",
        { class: "col-12 col-xl-6" },
        h(
            "section",
            { class: "card h-100 budget" },
            h(
                "div",
                { class: "card-body" },
                h("h3", { class: "h6" }, budget.name, badges(budget)),
                h("p", { class: "mb-1" }, spentText(budget)),
                spentBar(budget),
                h(
                    "dl",
                    { class: "facts" },
                    factsOf(budget).flatMap(([what, said]) => [h("dt", what), h("dd", said)]),
                ),
                actions ? h("div", { class: "d-flex gap-2 mt-3 no-print" }, actions) : null,
            ),
        ),
    );

function list(writes, again, signal) {
    const cards = h("div", { class: "row g-3" }),
        none = h("p", { class: "text-muted" }, t("budget.none"));

    async function write(known) {
        const done = { name: "" };
        if (await attempt(async () => Object.assign(done, await askBudget(known, signal))))
            if (done.id) tell(t("budget.saved", { name: done.name }));
        await again();
    }

    async function drop({ id, name }) {
        if (await confirm(t("budget.remove_title", { name }), t("budget.remove_text"), t("item.delete")))
            await attempt(() => remove(address(["usage", "budgets", id])), t("budget.removed", { name }));
        await again();
    }

    const actions = (budget) => [
        small(t("usage.edit_price"), () => write(budget)),
        small(t("item.delete"), () => drop(budget), "outline-danger"),
    ];

    async function load() {
        const { budgets } = await get(address(["usage", "budgets"], { limit: ALL }), { signal });
        none.hidden = budgets.length > 0;
        renew(
            cards,
            budgets.map((each) => ({
                key: each.id,
                state: JSON.stringify(each),
                make: () => card(each, writes ? actions(each) : null),
            })),
        );
    }
    const shown = h(
        "div",
        h("h2", { class: "h5" }, t("usage.budgets")),
        writes
            ? h(
                  "p",
                  { class: "no-print" },
                  small(t("budget.new"), () => write(null), "primary"),
              )
            : h("p", { class: "text-muted" }, t("budget.admins")),
        none,
        cards,
    );
    return [shown, load];
}

export async function show(outlet, { signal }) {
    const writes = session.may("admin");
    const load = () => Promise.all([loadBudgets(), loadTold()]);
    const again = () => attempt(load);
    const [budgets, loadBudgets] = list(writes, again, signal),
        [told, loadTold] = webhooks(writes, again, signal);
    const follow = () => document.querySelector("dialog[open]") || again(); // whoever asks something reads anew at its end
    whenChanged({ kind: "budget" }, gathered(follow, QUIET_MS * (0.2 + Math.random()), signal), signal);
    head(outlet);
    await load(); /* first: nothing is to be pushed away */
    outlet.append(budgets, told);
}
