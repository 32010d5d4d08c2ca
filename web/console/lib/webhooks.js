// The webhooks of a workspace: who is told of its budgets, what came of it, and for administrators the way to change that.
import { address, get, post, put, remove } from "./api.js";
import { askFor, attempt, confirm, count, exactly, frame, h, renew, right, row, small, t, tell, when } from "./ui.js";

const KINDS = ["plain", "slack", "feishu", "dingtalk", "wecom"];
const SIGNED = ["plain", "feishu", "dingtalk"]; // the address of the others is their secret

const place = (...parts) => address(["usage", "webhooks", ...parts]);

/** Asks for a webhook and writes it: `known`, or a new one where that is null. What is left as it is shown stays. */
function askWebhook(known) {
    const fields = [
        { name: "name", label: t("form.name"), value: known?.name ?? "" },
        {
            name: "kind",
            label: t("webhook.kind"),
            value: known?.kind ?? KINDS[0],
            choices: KINDS.map((each) => [each, t(`webhook.kind_${each}`)]),
        },
        { name: "url", label: t("webhook.url"), value: known?.url ?? "" },
        { name: "secret", label: t("webhook.secret"), value: known?.secret ?? "", required: false },
    ];
    const body = ({ secret, ...values }) =>
        SIGNED.includes(values.kind) ? { ...values, secret: secret || null } : values;
    const send = (values) =>
        known ? put(place(known.id), body(values), { etag: `"${known.revision}"` }) : post(place(), body(values));
    const title = known ? t("webhook.change_title", { name: known.name }) : t("webhook.new");
    return askFor(title, fields, t("item.save"), send, {
        text: known ? t("webhook.masked") : t("webhook.public"),
        watch: ({ kind, secret }) => {
            secret.row.hidden = !SIGNED.includes(kind.get());
        },
    });
}

/** What came of a test, in words. */
const outcome = ({ delivered, status, problem }) =>
    delivered
        ? t("webhook.test_taken", { status })
        : t("webhook.test_failed", { problem: status ? `${problem} (${status})` : problem });

const standing = (webhook, tested) => [
    h(
        "div",
        t("webhook.stands", {
            delivered: count(webhook.delivered),
            waiting: count(webhook.waiting),
            given_up: count(webhook.given_up),
        }),
    ),
    webhook.delivered_at ? h("div", { class: "text-muted" }, t("webhook.last"), " ", when(webhook.delivered_at)) : null,
    webhook.last_error ? h("div", { class: "text-danger" }, webhook.last_error) : null,
    tested
        ? h("div", { class: tested.delivered ? "" : "text-danger" }, exactly(tested.at), ": ", outcome(tested))
        : null,
];

/** [element, load()]; again() after something was done. */
export function webhooks(writes, again, signal) {
    const body = h("tbody"),
        none = h("p", { class: "text-muted" }, t("webhook.none")),
        listed = frame(
            [t("form.name"), t("webhook.kind"), t("webhook.url"), t("webhook.came"), ...(writes ? [""] : [])],
            body,
        ),
        tested = new Map(), // by id
        underWay = new Set();

    async function write(known) {
        const done = await askWebhook(known);
        if (done) tell(t("webhook.saved", { name: done.name }));
        await again();
    }

    async function drop({ id, name }) {
        if (await confirm(t("webhook.remove_title", { name }), t("webhook.remove_text"), t("item.delete")))
            await attempt(() => remove(place(id)), t("webhook.removed", { name }));
        await again();
    }

    async function test({ id }) {
        if (underWay.has(id)) return;
        underWay.add(id);
        await attempt(async () => {
            const came = await post(place(id, "test"), {}, { signal });
            tested.set(id, { ...came, at: new Date() });
            tell(outcome(came), came.delivered ? "success" : "danger");
        });
        underWay.delete(id);
        await again();
    }

    function actions(webhook) {
        const cell = right(
            small(t("webhook.test"), () => test(webhook)),
            " ",
            small(t("usage.edit_price"), () => write(webhook)),
            " ",
            small(t("item.delete"), () => drop(webhook), "outline-danger"),
        );
        cell.classList.add("no-print");
        return cell;
    }

    const line = (webhook) =>
        row([
            webhook.name,
            t(`webhook.kind_${webhook.kind}`),
            h(
                "td",
                h("div", { class: "font-monospace" }, webhook.url),
                webhook.secret ? h("div", { class: "text-muted" }, t("webhook.signed")) : null,
            ),
            h("td", standing(webhook, tested.get(webhook.id))),
            ...(writes ? [actions(webhook)] : []),
        ]);

    async function load() {
        const found = await get(place(), { signal });
        none.hidden = found.webhooks.length > 0;
        listed.hidden = !none.hidden;
        renew(
            body,
            found.webhooks.map((each) => ({
                key: each.id,
                state: JSON.stringify([each, tested.get(each.id)]),
                make: () => line(each),
            })),
        );
    }
    const shown = h(
        "div",
        h("h2", { class: "h5 mt-4" }, t("webhook.title")),
        h("p", { class: "text-muted" }, t("webhook.are")),
        writes
            ? h(
                  "p",
                  { class: "no-print" },
                  small(t("webhook.new"), () => write(null), "primary"),
              )
            : null,
        none,
        listed,
    );
    return [shown, load];
}
