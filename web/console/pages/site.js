// What a site administrator looks after: users, workspaces, the audit trail, how the server is, housekeeping, settings.
import { address, get, patch, post, remove, session } from "../lib/api.js";
import {
    actionCodes,
    actionText,
    askFor,
    attempt,
    button,
    confirm,
    count,
    fill,
    frame,
    h,
    id,
    later,
    newest,
    noPage,
    right,
    row,
    small,
    t,
    table,
    tell,
    when,
} from "../lib/ui.js";
import { confirmed } from "../lib/confirmed.js";

const PAGE = 50,
    CSV_ROWS = 5000;
const newPassword = () => ({
    name: "password",
    label: t("account.new_password"),
    type: "password",
    autocomplete: "new-password",
});

function users(signal) {
    const shown = h("div");

    async function done(work, said) {
        await attempt(() => confirmed(work), said);
        await load();
    }

    async function make() {
        const fields = [
            { name: "username", label: t("login.user") },
            { name: "display_name", label: t("site.display"), required: false },
            newPassword(),
            {
                name: "site_role",
                label: t("site.role"),
                choices: [
                    ["user", t("site.user")],
                    ["admin", t("site.admin")],
                ],
            },
        ];
        const made = await askFor(t("site.new_user"), fields, t("site.new_user"), (values) =>
            confirmed(() => post("/users", { ...values, display_name: values.display_name || null })),
        );
        if (made) await done(async () => {}, t("site.made", { name: made.username }));
    }

    async function reset(user) {
        const set = (values) => confirmed(() => post(address(["users", user.username, "password"]), values));
        if (await askFor(t("site.reset"), [newPassword()], t("site.reset"), set)) tell(t("site.saved"));
    }

    async function destroy(user) {
        const name = user.username;
        if (await confirm(t("site.delete_title", { name }), t("site.delete_text"), t("item.delete")))
            await done(() => remove(address(["users", name])), t("item.deleted", { name }));
    }

    const turn = (user) =>
        done(() => patch(address(["users", user.username]), { disabled: !user.disabled }), t("site.saved"));

    async function load() {
        const found = await get("/users?limit=500", { signal });
        const rows = found.users.map((user) => [
            h(
                "th",
                { scope: "row" },
                user.username,
                " ",
                user.disabled ? h("span", { class: "badge text-bg-secondary" }, t("site.disabled")) : null,
            ),
            user.display_name ?? "",
            t(user.site_role === "admin" ? "site.admin" : "site.user"),
            when(user.last_login_at, t("account.never")),
            right(
                small(t("site.reset"), () => reset(user)),
                " ",
                small(t(user.disabled ? "site.enable" : "site.disable"), () => turn(user)),
                " ",
                small(t("item.delete"), () => destroy(user), "outline-danger"),
            ),
        ]);
        fill(shown, table([t("login.user"), t("site.display"), t("site.role"), t("account.last_used"), ""], rows));
    }
    return [
        [h("h2", { class: "h5" }, t("site.users")), h("p", small(t("site.new_user"), make, "primary")), shown],
        load,
    ];
}

function workspaces(signal) {
    const shown = h("div");
    async function load() {
        const found = await get("/system/workspaces?limit=500", { signal });
        const rows = found.workspaces.map((each) => [
            each.slug,
            each.name,
            each.owner ?? t("site.shared"),
            count(each.members),
            count(each.resources),
            when(each.created_at),
        ]);
        fill(
            shown,
            table(
                [
                    t("nav.workspace"),
                    t("form.name"),
                    t("site.whose"),
                    t("site.members"),
                    t("site.resources"),
                    t("site.made_at"),
                ],
                rows,
            ),
        );
    }
    return [[h("h2", { class: "h5 mt-4" }, t("site.workspaces")), shown], load];
}

function audit(signal) {
    const labels = {
        actor: "revisions.actor",
        action: "site.action",
        target: "site.target",
        workspace: "nav.workspace",
        address: "account.address",
    };
    const body = h("tbody"),
        asked = {};
    const more = button(t("list.more"), () => load(false));
    const csv = h("a", { class: "btn btn-sm btn-outline-secondary", download: "audit.csv" }, t("site.csv"));
    let offset = 0;

    const load = newest(async (own, anew = true) => {
        const from = anew ? 0 : offset;
        const { entries } = await get(address(["audit"], { ...asked, limit: PAGE, offset: from }), { signal: own });
        if (anew) body.replaceChildren();
        body.append(
            ...entries.map((each) =>
                row([
                    when(each.time),
                    each.actor,
                    h("td", { title: each.action }, actionText(each.action, session.kinds)),
                    each.target ?? "",
                    each.address ?? "",
                ]),
            ),
        );
        offset = from + entries.length;
        more.hidden = entries.length < PAGE;
        csv.href = `/api${address(["audit"], { ...asked, format: "csv", limit: CSV_ROWS })}`;
    }, signal);
    const narrow = later(load, 300, signal);
    const known = h(
        "datalist",
        { id: id("actions") },
        actionCodes().map((code) => h("option", { value: code }, actionText(code))),
    );
    const day = (name, text) =>
        h("input", {
            class: "form-control form-control-sm w-auto",
            type: "date",
            "aria-label": text,
            title: text,
            onchange: (event) => {
                asked[name] = event.target.value && `${event.target.value}T00:00:00Z`;
                narrow();
            },
        });
    const filter = (name) =>
        h("input", {
            class: "form-control form-control-sm w-auto",
            list: name === "action" ? known.id : null,
            "aria-label": t(labels[name]),
            placeholder: t(labels[name]),
            oninput: (event) => {
                asked[name] = event.target.value.trim();
                narrow();
            },
        });
    return [
        [
            h("h2", { class: "h5 mt-4" }, t("site.audit")),
            h(
                "div",
                { class: "d-flex flex-wrap gap-2 mb-2" },
                Object.keys(labels).map(filter),
                day("from", t("site.since")),
                day("to", t("site.before")),
                known,
                csv,
            ),
            frame(
                [t("list.changed"), t("revisions.actor"), t("site.action"), t("site.target"), t("account.address")],
                body,
            ),
            more,
        ],
        load,
    ];
}

function server(signal) {
    const shown = h("div");
    async function load() {
        const [status, { jobs }, { settings }] = await Promise.all(
            ["/system/status", "/system/housekeeping", "/system/settings"].map((path) => get(path, { signal })),
        );
        const { busy, total } = status.workers;
        fill(
            shown,
            h("h2", { class: "h5 mt-4" }, t("site.status")),
            table(
                [],
                [
                    [t("site.health"), status.status],
                    [t("site.version"), status.version],
                    ["PostgreSQL", status.database.server_version],
                    [t("site.workers"), t("site.busy", { busy: count(busy), total: count(total) })],
                ],
            ),
            h("h2", { class: "h5 mt-4" }, t("site.housekeeping")),
            table(
                [t("site.job"), t("site.does"), t("site.last"), t("site.rows")],
                jobs.map((job) => [
                    job.job,
                    job.does,
                    when(job.succeeded_at, t("account.never")),
                    count(job.rows_in_all),
                ]),
            ),
            h("h2", { class: "h5 mt-4" }, t("site.settings")),
            table(
                [t("site.setting"), t("form.value")],
                settings.map((each) => [
                    h("code", each.name),
                    h("td", { class: "text-break" }, each.value === null ? "–" : String(each.value)),
                ]),
            ),
        );
    }
    return [shown, load];
}

export async function show(outlet, { signal }) {
    if (session.user.site_role !== "admin") return noPage(outlet);
    const parts = [users(signal), workspaces(signal), audit(signal), server(signal)];
    fill(outlet, h("h1", { class: "h4" }, t("site.title")));
    await Promise.all(parts.map(([, load]) => load())); /* first: nothing is to be pushed away */
    outlet.append(...parts.flatMap(([element]) => element));
}
