// What the pages of usage have in common: their tabs, how amounts and tokens are written, in which currency, days of a time zone, and what a
// report answers.
import { address, get } from "./api.js";
import { button, count, fill, h, languageTag, later, newest, t } from "./ui.js";
import { keepQuery, link } from "./router.js";

const TABS = [
    ["usage.overview", []],
    ["usage.sessions", ["sessions"]],
    ["usage.budgets", ["budgets"]],
    ["usage.sources", ["sources"]],
    ["usage.prices", ["prices"]],
];

/** The page's heading with the tabs, in place of what was there. */
export function head(outlet, ...more) {
    const tabs = TABS.map(([text, place]) => {
        const to = link("usage", ...place);
        const here = location.pathname === to || (place.length > 0 && location.pathname.startsWith(`${to}/`));
        return h(
            "li",
            { class: "nav-item" },
            h(
                "a",
                { class: `nav-link${here ? " active" : ""}`, href: to, "aria-current": here ? "page" : null },
                t(text),
            ),
        );
    });
    fill(
        outlet,
        h("h1", { class: "h4" }, t("nav.usage")),
        display ? h("p", { class: "text-muted mb-2" }, currencyText()) : null,
        h("nav", { "aria-label": t("nav.usage") }, h("ul", { class: "nav nav-tabs mb-3" }, tabs)),
        more,
    );
}

/* ---- money ------------------------------------------------------------------------------------------------------- */

// The API counts in dollars. Where the workspace has a display currency, amounts are shown in that, with the dollars in their tooltips.

const COUNTED = "USD";
export const RATE_DIGITS = 9; // behind the point, at most
let display = null; // {currency, rate, date}

export async function readCurrency(signal) {
    display = await get("/usage/currency", { signal });
}

/** The display currency, as the API has it; null without one. */
export const currency = () => display;
/** In one line, which currency it is. */
export const currencyText = () =>
    t("usage.shown_in", {
        ...display,
        rate: new Intl.NumberFormat(languageTag(), { maximumFractionDigits: RATE_DIGITS }).format(display.rate),
    });

/** Dollars as an amount of what is shown. */
export const converted = (dollars) => (display ? dollars * display.rate : dollars);

/** To the currency's smallest coin, amounts below one more exactly. */
function written(amount, unit) {
    const format = (more) => new Intl.NumberFormat(languageTag(), { style: "currency", currency: unit, ...more });
    const { minimumFractionDigits: coin } = format().resolvedOptions();
    const more = amount === 0 || amount >= 1 ? 0 : amount >= 0.01 ? 2 : 4;
    return format({ minimumFractionDigits: coin, maximumFractionDigits: coin + more }).format(amount);
}

const inDollars = (dollars) => written(dollars, COUNTED);
/** Dollars as they are shown. */
export const money = (dollars) => written(converted(dollars), display?.currency ?? COUNTED);
/** The same for where there is no tooltip. */
export const moneyInFull = (dollars) => (display ? `${money(dollars)} (${inDollars(dollars)})` : money(dollars));
/** A text with an amount, its dollars in the tooltip. */
export const withDollars = (text, dollars) => (display ? h("span", { title: inDollars(dollars) }, text) : text);
export const moneyCell = (dollars) => number(withDollars(money(dollars), dollars));

/** "1.2M", for scales of what converted() gives. */
export const shortMoney = (amount) =>
    new Intl.NumberFormat(languageTag(), {
        style: "currency",
        currency: display?.currency ?? COUNTED,
        notation: "compact",
        maximumSignificantDigits: 3,
        minimumFractionDigits: 0,
    }).format(amount);

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

export const cacheWrites = (sums) => sums.cache_write + sums.cache_write_1h;
/** Reasoning is a part of the output. */
export const tokens = (sums) => sums.input + sums.output + sums.cache_read + cacheWrites(sums);

export const number = (value) =>
    h("td", { class: "text-end text-nowrap" }, typeof value === "number" ? count(value) : value);
export const numberHead = (text) => h("th", { scope: "col", class: "text-end text-nowrap" }, text);

/* ---- days -------------------------------------------------------------------------------------------------------- */

const DAY_MS = 86_400_000;

/** The date in the zone at this moment, "2026-03-01". */
export function dateIn(zone, moment = new Date()) {
    const parts = Object.fromEntries(
        new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })
            .formatToParts(moment)
            .map(({ type, value }) => [type, value]),
    );
    return `${parts.year}-${parts.month}-${parts.day}`;
}

const asUtc = (date) => new Date(`${date}T00:00:00Z`);
export const addDays = (date, days) => new Date(asUtc(date).getTime() + days * DAY_MS).toISOString().slice(0, 10);
/** From one date to another, both counted. */
export const daysBetween = (from, to) => Math.round((asUtc(to) - asUtc(from)) / DAY_MS) + 1;
export const datesFrom = (from, days) => Array.from({ length: days }, (_, place) => addDays(from, place));
/** A date as people write it, without the year where `short`. */
export const dayText = (date, short = false) =>
    asUtc(date).toLocaleDateString(languageTag(), {
        timeZone: "UTC",
        month: short ? "numeric" : "short",
        day: "numeric",
        ...(short ? {} : { year: "numeric" }),
    });

/** What Intl does not know is shown as UTC. */
export function knownZone(zone) {
    try {
        new Intl.DateTimeFormat("en", { timeZone: zone });
        return zone;
    } catch {
        return "UTC";
    }
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

const ROWS_MAX = 1000; // that the API gives at once

export const report = (query, signal) => get(address(["usage", "report"], query), { signal });

/** All rows of a report, however many pages they are. */
export async function wholeReport(query, signal) {
    const first = await report({ ...query, limit: ROWS_MAX }, signal);
    for (let offset = ROWS_MAX; offset < first.total; offset += ROWS_MAX)
        first.rows.push(...(await report({ ...query, limit: ROWS_MAX, offset }, signal)).rows);
    return first;
}

/** The name of a row, of which a group may be empty (not told) or null (a user who is gone). */
export const named = (value) => (value === null ? t("usage.gone") : value === "" ? t("usage.not_told") : String(value));

/** Rows of `part` (/api/usage/PART), a page at a time: `body` for the table, `told` says how many are shown, `more` is the button for the
 * next; `load` begins anew, `narrow` does a moment after what is asked has changed. `line` makes a row. */
export function paged(part, asked, line, signal) {
    const PAGE = 50,
        PAUSE_MS = 200;
    const body = h("tbody"),
        told = h("span", { class: "text-muted", role: "status", "aria-live": "polite" }),
        more = button(t("list.more"), () => load(false));
    let offset = 0;
    const load = newest(async (own, anew = true) => {
        const from = anew ? 0 : offset;
        const found = await get(address(["usage", part], { ...asked, limit: PAGE, offset: from }), { signal: own });
        if (anew) body.replaceChildren();
        body.append(...found[part].map(line));
        offset = from + found[part].length;
        more.hidden = offset >= found.total;
        told.textContent = t("list.shown_of", { shown: count(offset), total: count(found.total) });
    }, signal);
    const narrow = later(
        () => {
            keepQuery(asked);
            return load();
        },
        PAUSE_MS,
        signal,
    );
    return { body, told, more, load, narrow };
}
