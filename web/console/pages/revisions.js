// What a resource was: its revisions, two of them side by side, and the way back.
import { address, get, post, session } from "../lib/api.js";
import {
    actionText,
    attempt,
    button,
    confirm,
    fill,
    frame,
    h,
    label,
    noPage,
    right,
    row,
    small,
    t,
    table,
    text,
    when,
} from "../lib/ui.js";
import { go, link } from "../lib/router.js";

const PAGE = 50;

export async function show(outlet, { platform, kind: kindName, name, signal }) {
    const kind = session.kind(kindName);
    if (!kind) return noPage(outlet);
    const base = ["resources", platform, kindName];
    const thing = [...base, name],
        item = link(...base, "item", name);
    const changes = h("div", { "aria-live": "polite" }),
        body = h("tbody");
    const more = button(t("list.more"), load);
    const chosen = { from: null, to: null };
    let offset = 0;

    const named = (field) => label(kind.columns.find((column) => column.name === field)?.label) || field;

    async function compare(from, to) {
        const diff = await get(address([...thing, "diff"], { from, to }), { signal });
        const rows = diff.changes.map((each) => [
            named(each.field),
            h("td", { class: "old" }, text(each.old_value)),
            h("td", { class: "new" }, text(each.new_value)),
        ]);
        fill(
            changes,
            h("h2", { class: "h5 mt-3" }, t("revisions.between", { from, to })),
            table([t("conflict.field"), from, to], rows, t("revisions.same")),
        );
        changes.scrollIntoView({ block: "nearest" });
    }

    async function back(revision) {
        const title = t("revisions.back_title", { revision });
        if (!(await confirm(title, t("revisions.back_text"), t("revisions.back"), false))) return;
        if (await attempt(() => post(address([...thing, "rollback"]), { revision }), t("revisions.done", { revision })))
            await go(item);
    }

    /** Shows the two, once both are chosen. */
    async function choose(sides) {
        Object.assign(chosen, sides);
        body.querySelectorAll("input").forEach((each) => {
            each.checked = chosen[each.name] === Number(each.value);
        });
        if (chosen.from && chosen.to) await attempt(() => compare(chosen.from, chosen.to));
    }

    const side = (name, revision) =>
        h(
            "td",
            { class: "narrow text-center" },
            h("input", {
                class: "form-check-input",
                type: "radio",
                name,
                value: revision,
                "aria-label": t(`revisions.${name}_this`, { revision }),
                onchange: () => choose({ [name]: revision }),
            }),
        );

    const revisionRow = ({ revision, operation, actor, timestamp }) =>
        row([
            revision,
            side("from", revision),
            side("to", revision),
            actionText(operation),
            actor,
            when(timestamp),
            right(
                revision > 1 ? small(t("revisions.what"), () => choose({ from: revision - 1, to: revision })) : null,
                " ",
                session.may(kind.write) ? small(t("revisions.back"), () => back(revision), "outline-primary") : null,
            ),
        ]);

    async function load() {
        const { revisions, total } = await get(address([...thing, "revisions"], { limit: PAGE, offset }), { signal });
        body.append(...revisions.map(revisionRow));
        offset += revisions.length;
        more.hidden = offset >= total;
    }

    fill(
        outlet,
        h("nav", { "aria-label": t("nav.where") }, h("a", { href: item }, name)),
        h("h1", { class: "h4" }, t("revisions.title", { name })),
        frame(
            [
                t("revisions.revision"),
                t("revisions.from"),
                t("revisions.to"),
                t("revisions.operation"),
                t("revisions.actor"),
                t("list.changed"),
                "",
            ],
            body,
        ),
        more,
        changes,
    );
    await load();
}
