// Sessions of coding CLIs, with what each came to.
import { address, get } from "../lib/api.js";
import { button, count, fill, frame, h, later, newest, row, select, t, when } from "../lib/ui.js";
import { keepQuery, link } from "../lib/router.js";
import { head, money, named, number, numberHead, tokens } from "../lib/usage.js";

const PAGE = 50;
const ORDERS = ["last", "cost", "tokens", "calls", "duration"];
const SHORT = 12; // characters of an id that a list shows

const line = (each) =>
    row([
        h(
            "a",
            { href: link("usage", "sessions", each.id), title: each.session },
            each.session.slice(0, SHORT) || each.id,
        ),
        named(each.user),
        each.platform,
        each.machine,
        h("td", { class: "text-break" }, each.project),
        when(each.first_at),
        when(each.last_at),
        number(each.calls),
        number(tokens(each)),
        number(money(each.cost)),
        number(each.unpriced),
    ]);

export async function show(outlet, { query, signal }) {
    const asked = {
        search: query.get("search") || "",
        order: ORDERS.includes(query.get("order")) ? query.get("order") : ORDERS[0],
    };
    const body = h("tbody"),
        told = h("span", { class: "text-muted", role: "status", "aria-live": "polite" });
    const more = button(t("list.more"), () => load(false));
    let offset = 0;

    const load = newest(async (own, anew = true) => {
        const from = anew ? 0 : offset;
        const found = await get(address(["usage", "sessions"], { ...asked, limit: PAGE, offset: from }), {
            signal: own,
        });
        if (anew) body.replaceChildren();
        body.append(...found.sessions.map(line));
        offset = from + found.sessions.length;
        more.hidden = offset >= found.total;
        told.textContent = t("list.shown_of", { shown: count(offset), total: count(found.total) });
    }, signal);
    const narrow = later(
        () => {
            keepQuery(asked);
            return load();
        },
        200,
        signal,
    );
    const search = (event) => {
        asked.search = event.target.value.trim();
        narrow();
    };
    const order = (value) => {
        asked.order = value;
        narrow();
    };
    const orders = ORDERS.map((each) => [each, t(`usage.order_${each}`)]);
    const heads = [
        ...["session", "user", "platform", "machine", "project"].map((each) => t(`usage.by_${each}`)),
        t("usage.began"),
        t("usage.last_call"),
        ...["calls", "tokens", "cost", "unpriced"].map((each) => numberHead(t(`usage.${each}`))),
    ];
    head(outlet);
    const controls = h(
        "div",
        { class: "d-flex flex-wrap gap-2 align-items-center mb-2", role: "search" },
        h("input", {
            class: "form-control search",
            type: "search",
            value: asked.search,
            "aria-label": t("list.search"),
            placeholder: t("list.search"),
            oninput: search,
        }),
        select(orders, asked.order, order, { "aria-label": t("usage.order") }),
        told,
    );
    const shown = h("div");
    outlet.append(shown);
    await load();
    fill(shown, controls, frame(heads, body), more);
}
