// One session of a coding CLI: its calls, and what log and event say of each.
import { address, get } from "../lib/api.js";
import { button, count, exactly, fill, frame, h, newest, row, t, table } from "../lib/ui.js";
import { cacheWrites, head, money, moneyCell, named, number, numberHead, tokens, withDollars } from "../lib/usage.js";

const PAGE = 100;

const summary = (each) =>
    table(
        [],
        [
            [t("usage.by_session"), h("td", { class: "text-break" }, each.session)],
            [t("usage.by_user"), named(each.user)],
            [t("usage.by_machine"), named(each.machine)],
            [t("usage.by_platform"), each.platform],
            [t("usage.by_project"), h("td", { class: "text-break" }, named(each.project))],
            [t("usage.by_branch"), named(each.branch)],
            [t("usage.began"), exactly(each.first_at)],
            [t("usage.last_call"), exactly(each.last_at)],
            [t("usage.calls"), count(each.calls)],
            [t("usage.tokens"), count(tokens(each))],
            [t("usage.cost"), withDollars(money(each.cost), each.cost)],
            [t("usage.unpriced"), count(each.unpriced)],
        ],
    );

const told = (value) => number(value === null ? "–" : value);

const line = (each) =>
    row([
        exactly(each.at),
        each.model,
        each.tier,
        each.provider,
        each.profile,
        number(each.input),
        number(each.output),
        number(each.reasoning),
        number(each.cache_read),
        number(cacheWrites(each)),
        each.cost === null ? number(t("usage.unpriced_cost")) : moneyCell(each.cost),
        each.source,
        told(each.log_output),
        told(each.event_output),
    ]);

export async function show(outlet, { id, signal }) {
    const body = h("tbody"),
        shown = h("div");
    const more = button(t("list.more"), () => load());
    let offset = 0;

    async function read(own) {
        const found = await get(address(["usage", "sessions", id], { limit: PAGE, offset }), { signal: own });
        body.append(...found.calls.map(line));
        offset += found.calls.length;
        more.hidden = offset >= found.total;
        return found;
    }
    const load = newest(read, signal);

    head(outlet, shown);
    let session;
    try {
        ({ session } = await read(signal));
    } catch (error) {
        if (error.status !== 404) throw error;
        return fill(shown, h("p", { class: "text-muted" }, t("usage.no_session")));
    }
    const heads = [
        t("usage.time"),
        ...["model", "tier", "provider", "profile"].map((each) => t(`usage.by_${each}`)),
        ...["input", "output", "reasoning", "cache_read", "cache_write", "cost"].map((each) =>
            numberHead(t(`usage.${each}`)),
        ),
        t("usage.by_source"),
        numberHead(t("usage.log_says")),
        numberHead(t("usage.event_says")),
    ];
    return fill(
        shown,
        summary(session),
        h("h2", { class: "h5 mt-4" }, t("usage.calls")),
        h("p", { class: "text-muted" }, t("usage.says_are")),
        frame(heads, body),
        more,
    );
}
