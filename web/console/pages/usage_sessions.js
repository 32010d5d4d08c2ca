// Sessions of coding CLIs, with what each came to.
import { fill, frame, h, row, select, t, when } from "../lib/ui.js";
import { link } from "../lib/router.js";
import { head, moneyCell, named, number, numberHead, paged, tokens } from "../lib/usage.js";

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
        moneyCell(each.cost),
        number(each.unpriced),
    ]);

export async function show(outlet, { query, signal }) {
    const asked = {
        search: query.get("search") || "",
        order: ORDERS.includes(query.get("order")) ? query.get("order") : ORDERS[0],
    };
    const { body, told, more, load, narrow } = paged("sessions", asked, line, signal);
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
