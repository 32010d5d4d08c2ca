// Usage: what it came to by day and model, this month beside the one before, and a table by whatever calls have in common.
import { address, ask, get } from "../lib/api.js";
import {
    attempt,
    button,
    count,
    fill,
    frame,
    h,
    languageTag,
    newest,
    row,
    select,
    small,
    t,
    table,
} from "../lib/ui.js";
import { keepQuery, link } from "../lib/router.js";
import { forecasts, spentBar, spentText } from "../lib/budget.js";
import { barChart, lyingBar } from "../lib/chart.js";
import {
    addDays,
    cacheWrites,
    converted,
    dateIn,
    datesFrom,
    dayText,
    daysBetween,
    head,
    knownZone,
    money,
    moneyCell,
    moneyInFull,
    named,
    number,
    numberHead,
    report,
    shortMoney,
    tokens,
    wholeReport,
    withDollars,
} from "../lib/usage.js";

const PAGE = 25,
    BUDGETS = 4,
    MODELS = 8;
const HOURS_DAYS_MAX = 100; // of a heat map
const WINDOW_DAYS = 7; // of the period, its last: windows of five hours are many

/** The period's first and last day, of today. */
const PERIODS = {
    7: (today) => [addDays(today, -6), today],
    30: (today) => [addDays(today, -29), today],
    90: (today) => [addDays(today, -89), today],
    month: (today) => [`${today.slice(0, 8)}01`, today],
    last_month: (today) => {
        const end = addDays(`${today.slice(0, 8)}01`, -1);
        return [`${end.slice(0, 8)}01`, end];
    },
};
const OWN_PERIOD = "own";

/** What the chart shows a bar for, in periods of so many days. */
const UNITS = [
    [92, "day"],
    [700, "week"],
    [Infinity, "month"],
];

/** Choices of the table, and what else a row of each is told by. */
const GROUPS = {
    model: [],
    user: [],
    project: [],
    machine: [],
    profile: [],
    platform: [],
    provider: [],
    source: [],
    branch: [],
    tier: [],
    session: ["user", "project"],
    day: [],
    month: [],
};
const ORDERS = { name: "name", calls: "calls", tokens: "tokens", cost: "cost" };

/* ---- totals ------------------------------------------------------------------------------------------------------ */

const card = (title, value, ...more) =>
    h(
        "div",
        { class: "col-12 col-sm-6 col-xl-3" },
        h(
            "section",
            { class: "card h-100" },
            h(
                "div",
                { class: "card-body" },
                h("h2", { class: "h6" }, title),
                h("p", { class: "h4 mb-1" }, value),
                more,
            ),
        ),
    );

const quietly = (...text) => h("p", { class: "text-muted mb-0" }, text);

/** "+12 %", of what was before; nothing where that was nothing. */
const grown = (now, before) =>
    before > 0
        ? new Intl.NumberFormat(languageTag(), {
              style: "percent",
              signDisplay: "exceptZero",
              maximumFractionDigits: 0,
          }).format(now / before - 1)
        : t("usage.nothing_before");

const costBefore = (text, now, before) =>
    withDollars(t(text, { value: money(before), grown: grown(now, before) }), before);

function totalCards(totals) {
    const { previous } = totals;
    return [
        card(
            t("usage.cost"),
            withDollars(money(totals.cost), totals.cost),
            quietly(costBefore("usage.before", totals.cost, previous.cost)),
            totals.unpriced
                ? h(
                      "p",
                      { class: "mb-0" },
                      h(
                          "a",
                          { href: link("usage", "prices") },
                          t("usage.calls_unpriced", { count: count(totals.unpriced) }),
                      ),
                  )
                : null,
        ),
        card(
            t("usage.calls"),
            count(totals.calls),
            quietly(t("usage.before", { value: count(previous.calls), grown: grown(totals.calls, previous.calls) })),
        ),
        card(
            t("usage.tokens"),
            count(tokens(totals)),
            quietly(`${t("usage.input")} ${count(totals.input)} · ${t("usage.output")} ${count(totals.output)}`),
            quietly(
                `${t("usage.cache_read")} ${count(totals.cache_read)} · ${t("usage.cache_write")} ${count(cacheWrites(totals))}`,
            ),
        ),
    ];
}

const costOf = (days, from, to) =>
    days.filter(({ day }) => day >= from && day <= to).reduce((sum, { cost }) => sum + cost, 0);

/** The month so far beside the same days of the one before, and all of that. */
async function monthCard(today, zone, signal) {
    const [first] = PERIODS.month(today),
        [start, end] = PERIODS.last_month(today);
    const { rows } = await wholeReport({ group: "day", from: start, to: today, zone }, signal);
    const same = addDays(start, daysBetween(first, today) - 1);
    const now = costOf(rows, first, today),
        before = costOf(rows, start, same < end ? same : end),
        whole = costOf(rows, start, end);
    return card(
        t("usage.month"),
        withDollars(money(now), now),
        quietly(costBefore("usage.month_before", now, before)),
        quietly(withDollars(t("usage.month_whole", { value: money(whole) }), whole)),
    );
}

/** Where the budgets stand that most is spent of. */
async function budgetPart(signal) {
    const { budgets } = await get(address(["usage", "budgets"]), { signal });
    const first = budgets
        .filter(({ enabled }) => enabled)
        .sort((one, other) => other.percent - one.percent)
        .slice(0, BUDGETS);
    const forecast = ([what, amount]) => t("budget.pair", { what, value: amount });
    return first.length
        ? h(
              "section",
              { class: "mt-4" },
              h("h2", { class: "h5" }, h("a", { href: link("usage", "budgets") }, t("usage.budgets"))),
              first.map((budget) =>
                  h(
                      "div",
                      { class: "mb-2" },
                      h("div", h("strong", budget.name), " ", spentText(budget)),
                      spentBar(budget),
                      h("div", { class: "text-muted small" }, forecasts(budget).map(forecast).join(" · ")),
                  ),
              ),
          )
        : null;
}

/* ---- charts ------------------------------------------------------------------------------------------------------ */

const monthText = (month) =>
    new Date(`${month}-01T00:00:00Z`).toLocaleDateString(languageTag(), {
        timeZone: "UTC",
        year: "numeric",
        month: "short",
    });
const timeText = (unit, value, short) => (unit === "month" ? monthText(value) : dayText(value, short));

/** A report has rows of what there is; days without any are days, too. */
function everyDay({ rows }, unit, from, to) {
    if (unit !== "day") return rows;
    const known = new Map(rows.map((each) => [each.day, each]));
    const nothing = { calls: 0, input: 0, output: 0, cache_read: 0, cache_write: 0, cache_write_1h: 0, cost: 0 };
    return datesFrom(from, daysBetween(from, to)).map(
        (day) => known.get(day) ?? { day, ...nothing, previous: { ...nothing } },
    );
}

function timeChart(found, unit, from, to) {
    const times = everyDay(found, unit, from, to);
    const rows = times.map((each) => [
        timeText(unit, each[unit]),
        number(each.calls),
        number(tokens(each)),
        moneyCell(each.cost),
        moneyCell(each.previous.cost),
    ]);
    const points = times.map((each) => ({
        label: timeText(unit, each[unit], true),
        value: converted(each.cost),
        before: converted(each.previous.cost),
        title: `${timeText(unit, each[unit])}: ${moneyInFull(each.cost)}, ${t("usage.calls")} ${count(each.calls)}`,
    }));
    const heads = [
        t(`usage.by_${unit}`),
        ...[t("usage.calls"), t("usage.tokens"), t("usage.cost"), t("usage.period_before")].map(numberHead),
    ];
    const name = t(`usage.cost_by_${unit}`);
    return [
        h("h2", { class: "h5 mt-4" }, name),
        quietly(
            h("span", { class: "key key-bar", "aria-hidden": "true" }),
            t("usage.this_period"),
            " ",
            h("span", { class: "key key-before ms-2", "aria-hidden": "true" }),
            t("usage.period_before"),
        ),
        points.length ? barChart(name, points, shortMoney, heads, rows) : quietly(t("usage.none")),
    ];
}

function modelBars({ rows }) {
    const most = Math.max(...rows.map((each) => each.cost));
    return [
        h("h2", { class: "h5 mt-4" }, t("usage.cost_by_model")),
        table(
            [t("usage.by_model"), numberHead(t("usage.cost")), h("td", { "aria-hidden": "true" })],
            rows.map((each) => [
                named(each.model),
                moneyCell(each.cost),
                h("td", { class: "bars", "aria-hidden": "true" }, lyingBar(most > 0 ? each.cost / most : 0)),
            ]),
            t("usage.none"),
        ),
    ];
}

/* ---- by weekday and hour ----------------------------------------------------------------------------------------- */

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const SUNDAY_BEFORE = 4; // of January 1970: any Monday to Sunday follows
const weekdayText = (place) =>
    new Date(Date.UTC(1970, 0, SUNDAY_BEFORE + 1 + place)).toLocaleDateString(languageTag(), {
        timeZone: "UTC",
        weekday: "short",
    });
const LEVELS = 4; // of colour, besides none

function heatMap({ rows }, zone) {
    const clock = new Intl.DateTimeFormat("en", {
        timeZone: zone,
        weekday: "short",
        hour: "2-digit",
        hourCycle: "h23",
    });
    const calls = WEEKDAYS.map(() => Array(24).fill(0));
    for (const each of rows) {
        const parts = Object.fromEntries(
            clock.formatToParts(new Date(each.hour)).map(({ type, value }) => [type, value]),
        );
        calls[WEEKDAYS.indexOf(parts.weekday)][Number(parts.hour)] += each.calls;
    }
    const most = Math.max(...calls.flat());
    const cell = (value, weekday, hour) =>
        h(
            "td",
            {
                class: `heat-${value ? Math.ceil((LEVELS * value) / most) : 0}`,
                title: t("usage.heat_cell", { weekday: weekdayText(weekday), hour, count: count(value) }),
            },
            h("span", { class: "visually-hidden" }, count(value)),
        );
    const hours = Array.from({ length: 24 }, (_, hour) =>
        h("th", { scope: "col" }, hour % 3 ? h("span", { class: "visually-hidden" }, hour) : hour),
    );
    return h(
        "div",
        { class: "table-responsive", tabindex: "0" },
        h(
            "table",
            { class: "heat" },
            h("caption", { class: "visually-hidden" }, t("usage.heat")),
            h("thead", h("tr", h("td"), hours)),
            h(
                "tbody",
                calls.map((each, weekday) =>
                    h(
                        "tr",
                        h("th", { scope: "row" }, weekdayText(weekday)),
                        each.map((value, hour) => cell(value, weekday, hour)),
                    ),
                ),
            ),
        ),
    );
}

/* ---- windows of five hours --------------------------------------------------------------------------------------- */

async function windows(from, to, zone, signal) {
    const last = addDays(to, 1 - WINDOW_DAYS);
    const query = { group: "window,user,platform", from: last > from ? last : from, to, zone };
    const { rows } = await wholeReport(query, signal);
    const begun = (time) =>
        new Date(time).toLocaleString(languageTag(), {
            timeZone: knownZone(zone),
            dateStyle: "medium",
            timeStyle: "short",
        });
    return table(
        [
            t("usage.by_window"),
            t("usage.by_user"),
            t("usage.by_platform"),
            ...[t("usage.calls"), t("usage.tokens"), t("usage.cost")].map(numberHead),
        ],
        rows
            .reverse()
            .map((each) => [
                begun(each.window),
                named(each.user),
                each.platform,
                number(each.calls),
                number(tokens(each)),
                moneyCell(each.cost),
            ]),
        t("usage.none"),
    );
}

/* ---- the table by anything --------------------------------------------------------------------------------------- */

const nameIn = (group, value) =>
    group === "session" && value
        ? h("a", { href: link("usage", "sessions", value) }, t("usage.by_session"), ` ${value}`)
        : textIn(group, value);
const textIn = (group, value) => (group === "day" || group === "month" ? timeText(group, value) : named(value));

const sumCells = (each) => [
    number(each.calls),
    number(tokens(each)),
    number(each.input),
    number(each.output),
    number(each.cache_read),
    number(cacheWrites(each)),
    moneyCell(each.cost),
    number(each.unpriced),
];

function grouped(asked, period, signal) {
    const body = h("tbody"),
        heads = h("tr");
    const told = h("span", { class: "text-muted", role: "status", "aria-live": "polite" });
    let offset = 0;
    const more = button(t("list.more"), () => load(false));
    const groups = () => [asked.group, ...GROUPS[asked.group]];
    const query = () => ({ ...period(), group: groups().join(","), order: asked.order });

    /** A head that sorts: the greatest first, names as they are written. */
    const sorting = (order, text, numeric) => {
        const chosen = asked.order === order;
        return h(
            "th",
            {
                scope: "col",
                class: numeric ? "text-end text-nowrap" : null,
                "aria-sort": chosen ? (order === "name" ? "ascending" : "descending") : null,
            },
            h(
                "button",
                {
                    class: "btn btn-link btn-sort p-0",
                    type: "button",
                    onclick: async () => {
                        asked.order = ORDERS[order];
                        keepQuery(asked);
                        await load();
                        heads.querySelector("[aria-sort] button")?.focus();
                    },
                },
                text,
                chosen ? h("span", { "aria-hidden": "true" }, order === "name" ? " ↑" : " ↓") : null,
            ),
        );
    };
    const drawHeads = () =>
        fill(
            heads,
            groups().map((each, place) =>
                place ? h("th", { scope: "col" }, t(`usage.by_${each}`)) : sorting("name", t(`usage.by_${each}`)),
            ),
            sorting("calls", t("usage.calls"), true),
            sorting("tokens", t("usage.tokens"), true),
            [t("usage.input"), t("usage.output"), t("usage.cache_read"), t("usage.cache_write")].map(numberHead),
            sorting("cost", t("usage.cost"), true),
            numberHead(t("usage.unpriced")),
        );

    const load = newest(async (own, anew = true) => {
        const from = anew ? 0 : offset;
        const found = await report({ ...query(), limit: PAGE, offset: from }, own);
        if (anew) body.replaceChildren();
        drawHeads();
        body.append(
            ...found.rows.map((each) =>
                row([...groups().map((group) => nameIn(group, each[group])), ...sumCells(each)]),
            ),
        );
        offset = from + found.rows.length;
        more.hidden = offset >= found.total;
        told.textContent = t("list.shown_of", { shown: count(offset), total: count(found.total) });
    }, signal);

    const save = async () => {
        const { text } = await ask("GET", address(["usage", "report"], { ...query(), format: "csv" }), { signal });
        const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
        h("a", { href: url, download: `usage-${asked.group}.csv` }).click();
        setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    const choices = Object.keys(GROUPS).map((each) => [each, t(`usage.by_${each}`)]);
    const change = (value) => {
        asked.group = value;
        keepQuery(asked);
        return load();
    };
    const shown = frame([], body);
    body.before(h("thead", heads));
    drawHeads();
    return [
        [
            h("h2", { class: "h5 mt-4" }, t("usage.by")),
            h(
                "div",
                { class: "d-flex flex-wrap gap-2 align-items-center mb-2" },
                select(choices, asked.group, change, { "aria-label": t("usage.by") }),
                told,
                small(t("site.csv"), () => attempt(save)),
            ),
            shown,
            more,
        ],
        load,
    ];
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

function controls(asked, home, changed) {
    const day = (name, text) =>
        h("input", {
            class: "form-control w-auto",
            type: "date",
            value: asked[name],
            "aria-label": text,
            title: text,
            onchange: (event) => {
                asked[name] = event.target.value;
                if (asked.from && asked.to) changed();
            },
        });
    const days = h("span", { class: "d-flex gap-2", hidden: asked.period !== OWN_PERIOD });
    fill(days, day("from", t("usage.from")), day("to", t("usage.to")));
    const periods = [...Object.keys(PERIODS), OWN_PERIOD].map((each) => [each, t(`usage.period_${each}`)]);
    const zones = [
        ["", t("usage.zone_home", { zone: home })],
        ...[...new Set([own, "UTC"])].map((each) => [each, each]),
    ];
    return h(
        "div",
        { class: "d-flex flex-wrap gap-2 mb-3 no-print" },
        select(
            periods,
            asked.period,
            (value) => {
                asked.period = value;
                days.hidden = value !== OWN_PERIOD;
                if (value !== OWN_PERIOD || (asked.from && asked.to)) changed();
            },
            { "aria-label": t("usage.period") },
        ),
        days,
        select(
            zones,
            asked.zone,
            (value) => {
                asked.zone = value;
                changed();
            },
            { "aria-label": t("usage.zone") },
        ),
        button(t("usage.refresh"), changed),
    );
}

/** What the address asks for, as far as there is such a thing. */
function readQuery(query) {
    const of = (name, known, otherwise) => (known.includes(query.get(name)) ? query.get(name) : otherwise);
    const date = (name) => (/^\d{4}-\d\d-\d\d$/.test(query.get(name)) ? query.get(name) : "");
    const asked = { from: date("from"), to: date("to"), zone: query.get("zone") || "" };
    const period = of("period", [...Object.keys(PERIODS), OWN_PERIOD], "30");
    return {
        ...asked,
        period: period === OWN_PERIOD && !(asked.from && asked.to) ? "30" : period,
        group: of("group", Object.keys(GROUPS), "model"),
        order: of("order", Object.keys(ORDERS), "cost"),
    };
}

export async function show(outlet, { query, signal }) {
    const asked = readQuery(query);
    const shown = h("div");
    const { zone: home } = await report({ limit: 1 }, signal);
    const zone = () => asked.zone || home;
    const today = () => dateIn(knownZone(zone()));
    const period = () => {
        const [from, to] = asked.period === OWN_PERIOD ? [asked.from, asked.to] : PERIODS[asked.period](today());
        return { from, to, zone: asked.zone };
    };
    const [groupedPart, loadGrouped] = grouped(asked, period, signal);

    const load = newest(async (mine) => {
        keepQuery(asked);
        const { from, to } = period();
        const days = daysBetween(from, to);
        const [, unit] = UNITS.find(([most]) => days <= most);
        const whole = { from, to, zone: asked.zone };
        const [byTime, byModel, month, budgets, byHour] = await Promise.all([
            wholeReport({ ...whole, group: unit, compare: "previous" }, mine),
            report({ ...whole, group: "model", limit: MODELS }, mine),
            monthCard(today(), asked.zone, mine),
            budgetPart(mine),
            days <= HOURS_DAYS_MAX ? wholeReport({ ...whole, group: "hour" }, mine) : null,
            loadGrouped(),
        ]);
        const { workspace } = byTime;
        const list = h("div");
        const openWindows = async (event) => {
            if (event.target.open && !list.firstChild)
                await attempt(async () => fill(list, await windows(from, to, zone(), signal)));
        };
        fill(
            shown,
            workspace
                ? h(
                      "p",
                      { class: "alert alert-info py-2" },
                      withDollars(
                          t("usage.own_only", { cost: money(workspace.cost), calls: count(workspace.calls) }),
                          workspace.cost,
                      ),
                  )
                : null,
            h("div", { class: "row g-3" }, totalCards(byTime.totals), month),
            budgets,
            timeChart(byTime, unit, from, to),
            modelBars(byModel),
            groupedPart,
            h("h2", { class: "h5 mt-4" }, t("usage.heat")),
            byHour ? heatMap(byHour, knownZone(zone())) : quietly(t("usage.too_long", { days: HOURS_DAYS_MAX })),
            h(
                "details",
                { class: "mt-4", ontoggle: openWindows },
                h("summary", { class: "h5" }, t("usage.windows")),
                quietly(t("usage.windows_are", { days: WINDOW_DAYS })),
                list,
            ),
        );
    }, signal);

    head(outlet, controls(asked, home, load), shown);
    await load();
}
