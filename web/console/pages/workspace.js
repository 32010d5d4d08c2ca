// The workspace: who is in it and may what, invitations, its name.
import { address, get, patch, post, put, remove, session } from "../lib/api.js";
import {
    actionText,
    askFor,
    attempt,
    confirm,
    count,
    fill,
    h,
    label,
    once,
    right,
    select,
    small,
    t,
    table,
    when,
} from "../lib/ui.js";
import { confirmed } from "../lib/confirmed.js";

const INVITATIONS = 200, // open at once
    ACTIVITY = 20;
const ROLES = ["viewer", "editor", "admin", "owner"];
const LOWER = ["viewer", "editor"]; // which an admin gives and takes; an owner all
const mayGive = (role) => session.workspace.role === "owner" || LOWER.includes(role);
const roleChoices = () => ROLES.filter(mayGive).map((role) => [role, t(`role.${role}`)]);
const anew = () => location.assign("/console/");

/** How much there may be. */
const limits = () =>
    h(
        "details",
        { class: "mt-4" },
        h("summary", { class: "h5" }, t("workspace.limits")),
        table(
            [t("plan.kind"), t("workspace.most")],
            [
                ...session.kinds.map((kind) => [label(kind.label), count(kind.most)]),
                [t("workspace.invitations"), count(INVITATIONS)],
            ],
        ),
    );

export async function show(outlet, { signal }) {
    const own = session.workspaces.find((each) => each.slug === session.workspace.slug);
    const admin = session.may("admin") && !own?.personal;
    const members = h("div"),
        invitations = h("div");
    const base = ["workspaces", session.workspace.slug];
    const isSelf = (member) => member.username === session.user.username;

    async function done(work, said, again) {
        await attempt(work, said);
        await again();
    }

    function role(member) {
        if (!admin || !mayGive(member.role)) return t(`role.${member.role}`);
        const change = (wanted) =>
            done(
                () => put(address([...base, "members", member.username]), { role: wanted }),
                t("workspace.changed"),
                loadMembers,
            );
        return select(roleChoices(), member.role, change, {
            "aria-label": t("workspace.role_of", { name: member.username }),
        });
    }

    async function leave(member) {
        const verb = isSelf(member) ? "leave" : "remove";
        const title = t(`workspace.${verb}_title`, { name: member.username });
        if (!(await confirm(title, t("workspace.remove_text"), t(`workspace.${verb}`)))) return;
        const gone = await attempt(
            () => remove(address([...base, "members", member.username])),
            t("workspace.removed"),
        );
        if (gone && isSelf(member)) location.replace("/console/");
        else await loadMembers();
    }

    async function loadMembers() {
        const found = await get(address([...base, "members"], { limit: 500 }), { signal });
        const out = (member) =>
            !own?.personal && (admin || isSelf(member))
                ? small(
                      t(isSelf(member) ? "workspace.leave" : "workspace.remove"),
                      () => leave(member),
                      "outline-danger",
                  )
                : null;
        const named = (member) =>
            member.display_name ? `${member.display_name} (${member.username})` : member.username;
        const rows = found.members.map((member) => [named(member), role(member), right(out(member))]);
        fill(members, table([t("login.user"), t("workspace.role"), ""], rows));
    }

    async function loadInvitations() {
        if (!admin) return;
        const found = await get(address([...base, "invitations"], { limit: 500 }), { signal });
        const withdraw = (each) =>
            done(() => remove(address([...base, "invitations", each.id])), t("workspace.withdrawn"), loadInvitations);
        const rows = found.invitations.map((each) => [
            each.username ?? t(each.accounts ? "workspace.link_accounts" : "workspace.link"),
            t(`role.${each.role}`),
            when(each.expires_at),
            right(small(t("workspace.withdraw"), () => withdraw(each))),
        ]);
        fill(
            invitations,
            h("h2", { class: "h5 mt-4" }, t("workspace.invitations")),
            h("p", small(t("workspace.invite"), invite, "primary")),
            table(
                [t("login.user"), t("workspace.role"), t("account.expires"), ""],
                rows,
                t("workspace.no_invitations"),
            ),
        );
    }

    async function invite() {
        const fields = [
            { name: "username", label: t("workspace.whom"), required: false },
            { name: "role", label: t("workspace.role"), choices: roleChoices() },
            { name: "expires_in_days", label: t("account.days"), type: "number", value: 7, min: 1, max: 30 },
            ...(session.user.site_role === "admin"
                ? [{ name: "accounts", label: t("workspace.accounts"), type: "checkbox" }]
                : []),
        ];
        const body = ({ username, expires_in_days: days, ...values }) => ({
            ...values,
            ...(username ? { username } : {}),
            expires_in_days: Number(days),
        });
        const made = await askFor(t("workspace.invite"), fields, t("workspace.invite"), (values) =>
            confirmed(() => post(address([...base, "invitations"]), body(values))),
        );
        if (made?.link)
            await once(
                t("workspace.link"),
                t("workspace.link_once"),
                `${location.origin}/login#invitation=${made.link}`,
            );
        if (made) await done(async () => {}, made.link ? null : t("workspace.invited"), loadInvitations);
    }

    async function rename() {
        const fields = [{ name: "name", label: t("form.name"), value: session.workspace.name }];
        if (await askFor(t("workspace.rename"), fields, t("item.save"), (values) => patch(address(base), values)))
            location.reload();
    }

    async function create() {
        const fields = [
            { name: "slug", label: t("workspace.slug") },
            { name: "name", label: t("form.name") },
        ];
        const made = await askFor(t("workspace.new"), fields, t("workspace.new"), (values) =>
            post("/workspaces", values),
        );
        if (made && (await attempt(() => post(address(["workspaces", made.slug, "switch"]), {})))) anew();
    }

    const activity = h("div");
    async function loadActivity() {
        if (!session.may("admin")) return;
        const { entries } = await get(address(["audit", "workspace"], { limit: ACTIVITY }), { signal });
        const rows = entries.map((each) => [
            when(each.time),
            each.actor,
            actionText(each.action, session.kinds),
            each.platform ?? "",
            each.target ?? "",
        ]);
        fill(
            activity,
            h("h2", { class: "h5 mt-4" }, t("home.lately")),
            table(
                [
                    t("list.changed"),
                    t("revisions.actor"),
                    t("revisions.operation"),
                    t("nav.platform"),
                    t("site.target"),
                ],
                rows,
                t("home.nothing"),
            ),
        );
    }

    fill(outlet, h("h1", { class: "h4" }, session.workspace.name));
    await Promise.all([loadMembers(), loadInvitations(), loadActivity()]); /* first: nothing is to be pushed away */
    outlet.append(
        h(
            "div",
            { class: "d-flex gap-2 mb-3" },
            admin ? small(t("workspace.rename"), rename) : "",
            small(t("workspace.new"), create),
        ),
        own?.personal ? h("p", { class: "text-muted" }, t("workspace.personal")) : "",
        members,
        invitations,
        limits(),
        activity,
    );
}
