// Prices of models: what has none, the list, and the workspace's own, which its administrators set; and which currency costs are shown in.
import { address, get, put, remove, session } from "../lib/api.js";
import {
    askFor,
    attempt,
    confirm,
    count,
    fill,
    frame,
    h,
    language,
    languageTag,
    right,
    row,
    select,
    small,
    t,
    table,
    tell,
} from "../lib/ui.js";
import { currency, dateIn, head, named, number, numberHead, paged, RATE_DIGITS } from "../lib/usage.js";

const RATES = ["input", "output", "cache_read", "cache_write", "cache_write_1h"];
const NEEDED = ["input", "output"];
const TIERS = ["standard", "fast", "priority", "flex", "batch"];
const ONLY = ["", "effective", "own"];
const ANY_PROMPT = -1; // how the API names the row for prompts of any length

/* ---- the currency that costs are shown in ------------------------------------------------------------------------ */

const CURRENCY = address(["usage", "currency"]);
const LIKELY = { en: "EUR", zh: "CNY" };
const anew = () => dispatchEvent(new Event("ccr:page"));

function currencyChoices(known) {
    const names = new Intl.DisplayNames(languageTag(), { type: "currency" });
    const codes = new Set([...Intl.supportedValuesOf("currency"), ...(known ? [known.currency] : [])]);
    codes.delete("USD");
    return [...codes].sort().map((code) => [code, `${code} – ${names.of(code)}`]);
}

/** A rate as the API takes it: digits, also where it is small. */
const plainly = (rate) => rate.toFixed(RATE_DIGITS).replace(/\.?0+$/, "");

async function setCurrency() {
    const known = currency();
    const fields = [
        {
            name: "currency",
            label: t("usage.currency"),
            choices: currencyChoices(known),
            value: known?.currency ?? LIKELY[language()],
        },
        { name: "rate", label: t("usage.currency_rate"), ...(known ? { value: plainly(known.rate) } : {}) },
        {
            name: "date",
            label: t("usage.currency_date"),
            type: "date",
            value: dateIn(Intl.DateTimeFormat().resolvedOptions().timeZone),
        },
    ];
    const send = (values) => put(CURRENCY, { ...values, rate: values.rate.trim() });
    if (!(await askFor(t("usage.currency_set"), fields, t("item.save"), send, { text: t("usage.currency_text") })))
        return;
    tell(t("usage.currency_is_set"));
    anew();
}

async function removeCurrency() {
    const text = t("usage.currency_remove_text");
    if (!(await confirm(t("usage.currency_remove"), text, t("workspace.remove")))) return;
    if (await attempt(() => remove(CURRENCY), t("usage.currency_removed"))) anew();
}

/** Which one it is stands in the page's head. */
const currencyButtons = () =>
    h(
        "p",
        { class: "d-flex flex-wrap gap-2" },
        small(t(currency() ? "usage.currency_change" : "usage.currency_set"), setCurrency),
        currency() ? small(t("usage.currency_remove"), removeCurrency, "outline-danger") : null,
    );

/* ---- prices ------------------------------------------------------------------------------------------------------ */

const amount = (value) => h("td", { class: "text-end" }, value === null ? "–" : String(value));
const date = (time) => (time ? time.slice(0, 10) : t("usage.always"));

/** Asks for a price and sets it; whether it was set. `known`: a row as the API has it, or what of it is known. */
async function setPrice(known) {
    const filled = (name, value) => ({ ...(value === null || value === undefined ? {} : { value }), name });
    const rates = RATES.map((name) => ({
        ...filled(name, known[name]),
        label: t("usage.rate", { what: t(`usage.${name}`) }),
        required: NEEDED.includes(name),
    }));
    const fields = [
        { ...filled("model", known.model), label: t("usage.by_model") },
        {
            ...filled("tier", known.tier || "standard"),
            label: t("usage.by_tier"),
            choices: TIERS.map((each) => [each, each]),
        },
        ...rates,
        {
            ...filled("prompt_above", known.prompt_above),
            label: t("usage.prompt_above"),
            type: "number",
            min: 0,
            required: false,
        },
        { ...filled("since", known.since), label: t("usage.since_when"), required: false },
    ];
    const send = ({ model, ...values }) => {
        const set = Object.entries(values).filter(([, value]) => value !== "");
        const body = Object.fromEntries(set);
        if (body.prompt_above) body.prompt_above = Number(body.prompt_above);
        return put(address(["usage", "prices", model.trim()]), body);
    };
    const done = await askFor(t("usage.set_price"), fields, t("item.save"), send, { text: t("usage.set_text") });
    if (done) tell(t("usage.price_set", { name: done.model }));
    return Boolean(done);
}

/** Calls of the last weeks that have no price, by model and tier. */
function unpriced(writes, again, signal) {
    const shown = h("div");
    async function load() {
        const found = await get("/usage/summary", { signal });
        const rows = found.unpriced.map((each) => [
            named(each.model),
            each.tier || TIERS[0],
            number(each.calls),
            number(each.tokens),
            right(
                writes
                    ? small(
                          t("usage.set_price"),
                          async () => (await setPrice({ model: each.model, tier: each.tier })) && (await again()),
                          "primary",
                      )
                    : null,
            ),
        ]);
        fill(
            shown,
            rows.length
                ? [
                      h("h2", { class: "h5" }, t("usage.without_price")),
                      table(
                          [
                              t("usage.by_model"),
                              t("usage.by_tier"),
                              numberHead(t("usage.calls")),
                              numberHead(t("usage.tokens")),
                              "",
                          ],
                          rows,
                      ),
                      writes ? null : h("p", { class: "text-muted" }, t("usage.admins_set")),
                  ]
                : null,
        );
    }
    return [shown, load];
}

function list(writes, asked, again, signal) {
    async function drop(price) {
        const name = price.model;
        if (!(await confirm(t("usage.remove_title", { name }), t("usage.remove_text"), t("workspace.remove")))) return;
        const which = {
            tier: price.tier,
            prompt_above: price.prompt_above ?? ANY_PROMPT,
            since: price.since ?? "always",
        };
        await attempt(() => remove(address(["usage", "prices", price.key], which)), t("usage.price_removed", { name }));
        await again();
    }

    const actions = (price) =>
        right(
            small(
                t(price.own ? "usage.edit_price" : "usage.set_own"),
                async () => (await setPrice(price.own ? price : { ...price, since: null })) && (await again()),
            ),
            price.own ? [" ", small(t("workspace.remove"), () => drop(price), "outline-danger")] : null,
        );

    const line = (price) =>
        row([
            h(
                "th",
                { scope: "row" },
                price.model,
                " ",
                price.own ? h("span", { class: "badge text-bg-primary" }, t("usage.own")) : null,
            ),
            price.tier,
            h("td", { class: "text-nowrap" }, price.prompt_above === null ? "" : `> ${count(price.prompt_above)}`),
            ...RATES.map((name) => amount(price[name])),
            h("td", { class: "text-nowrap" }, date(price.since)),
            price.source,
            ...(writes ? [actions(price)] : []),
        ]);

    const { body, told, more, load, narrow } = paged("prices", asked, line, signal);
    const search = h("input", {
        class: "form-control search",
        type: "search",
        value: asked.search,
        "aria-label": t("list.search"),
        placeholder: t("list.search"),
        oninput: (event) => {
            asked.search = event.target.value.trim();
            narrow();
        },
    });
    const which = (value) => {
        asked.only = value;
        narrow();
    };
    const choices = ONLY.map((each) => [each, t(`usage.only_${each || "all"}`)]);
    const heads = [
        t("usage.by_model"),
        t("usage.by_tier"),
        t("usage.prompts"),
        ...RATES.map((name) => numberHead(t(`usage.${name}`))),
        t("usage.since"),
        t("usage.by_source"),
        ...(writes ? [""] : []),
    ];
    return [
        [
            h("h2", { class: "h5" }, t("usage.prices")),
            h("p", { class: "text-muted" }, t("usage.per_million")),
            h(
                "div",
                { class: "d-flex flex-wrap gap-2 align-items-center mb-2", role: "search" },
                search,
                select(choices, asked.only, which, { "aria-label": t("usage.only") }),
                told,
                writes ? small(t("usage.set_price"), async () => (await setPrice({})) && (await again())) : null,
            ),
            frame(heads, body),
            more,
        ],
        load,
    ];
}

export async function show(outlet, { query, signal }) {
    const writes = session.may("admin");
    const only = query.get("only");
    const asked = { search: query.get("search") || "", only: ONLY.includes(only) ? only : "effective" };
    const again = () => Promise.all([loadUnpriced(), loadList()]);
    const [missing, loadUnpriced] = unpriced(writes, again, signal);
    const [listed, loadList] = list(writes, asked, again, signal);
    head(outlet);
    await again(); /* first: nothing is to be pushed away */
    outlet.append(...(writes ? [currencyButtons()] : []), missing, ...listed);
}
