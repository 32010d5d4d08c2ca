// What belongs to the user: password, sessions, personal access tokens, invitations.
import { address, get, post, remove, session } from "../lib/api.js";
import { askFor, attempt, button, confirm, fill, h, once, right, small, t, table, tell, when } from "../lib/ui.js";
import { confirmed } from "../lib/confirmed.js";

const SCOPES = ["read", "write", "admin", "secrets", "usage:write"];

export async function show(outlet, { signal }) {
    const sessions = h("div"),
        tokens = h("div"),
        invitations = h("div");

    async function done(work, said, again) {
        await attempt(work, said);
        await again();
    }

    async function loadSessions() {
        const found = await get("/auth/sessions?limit=500", { signal });
        const end = (each) =>
            done(() => remove(address(["auth", "sessions", each.id])), t("account.ended"), loadSessions);
        const others = () => done(() => remove("/auth/sessions"), t("account.ended"), loadSessions);
        const rows = found.sessions.map((each) => [
            h("td", { class: "clip", title: each.user_agent }, each.user_agent),
            each.address,
            when(each.last_used_at),
            right(
                each.current
                    ? h("span", { class: "badge text-bg-success" }, t("account.this_one"))
                    : small(t("account.end"), () => end(each)),
            ),
        ]);
        fill(
            sessions,
            h(
                "p",
                { class: "d-flex flex-wrap gap-2" },
                found.total > 1 ? small(t("account.end_others"), others, "outline-danger") : null,
                small(t("account.end_all"), endAll, "outline-danger"),
            ),
            table([t("account.browser"), t("account.address"), t("account.last_used"), ""], rows),
        );
    }

    async function loadTokens() {
        const found = await get("/tokens?limit=500", { signal });
        const revoke = async (each) => {
            if (
                await confirm(
                    t("account.revoke_title", { name: each.name }),
                    t("account.revoke_text"),
                    t("account.revoke"),
                )
            )
                await done(() => remove(address(["tokens", each.id])), t("account.revoked"), loadTokens);
        };
        const rows = found.tokens.map((each) => [
            each.name,
            each.scopes.map((scope) => t(`scope.${scope}`)).join(", "),
            each.workspace || t("account.all"),
            when(each.expires_at),
            when(each.last_used_at, t("account.never")),
            right(small(t("account.revoke"), () => revoke(each), "outline-danger")),
        ]);
        const heads = [
            t("form.name"),
            t("account.scopes"),
            t("nav.workspace"),
            t("account.expires"),
            t("account.last_used"),
            "",
        ];
        fill(
            tokens,
            h("p", small(t("account.new_token"), makeToken, "primary")),
            table(heads, rows, t("account.no_tokens")),
        );
    }

    async function makeToken() {
        const fields = [
            { name: "name", label: t("form.name") },
            ...SCOPES.map((scope) => ({
                name: scope,
                label: t(`scope.${scope}`),
                type: "checkbox",
                value: scope === "read",
            })),
            { name: "expires_in_days", label: t("account.days"), type: "number", value: 90, min: 1, max: 365 },
            {
                name: "workspace",
                label: t("nav.workspace"),
                choices: [["", t("account.all")], ...session.workspaces.map((each) => [each.slug, each.name])],
            },
        ];
        const body = (values) => ({
            name: values.name,
            scopes: SCOPES.filter((scope) => values[scope]),
            expires_in_days: Number(values.expires_in_days),
            ...(values.workspace ? { workspace: values.workspace } : {}),
        });
        const made = await askFor(t("account.new_token"), fields, t("account.new_token"), (values) =>
            confirmed(() => post("/tokens", body(values))),
        );
        if (!made?.token) return;
        await once(t("account.token_made"), t("account.token_once"), made.token);
        await loadTokens();
    }

    async function loadInvitations() {
        const found = await get("/invitations?limit=500", { signal });
        const answer = (each, verb, again) =>
            done(
                () => post(address(["invitations", each.id, verb]), {}),
                t(`account.${verb === "accept" ? "accepted" : "declined"}`),
                again,
            );
        const rows = found.invitations.map((each) => [
            each.workspace.name,
            t(`role.${each.role}`),
            when(each.expires_at),
            right(
                small(t("account.accept"), () => answer(each, "accept", () => location.reload()), "primary"),
                " ",
                small(t("account.decline"), () => answer(each, "decline", loadInvitations)),
            ),
        ]);
        fill(
            invitations,
            rows.length
                ? [
                      h("h2", { class: "h5" }, t("account.invitations")),
                      table([t("nav.workspace"), t("workspace.role"), t("account.expires"), ""], rows),
                  ]
                : null,
        );
    }

    const endAll = async () => {
        if (!(await confirm(t("account.end_all_title"), t("account.end_all_text"), t("account.end_all")))) return;
        const all = async () => {
            await remove("/auth/sessions");
            await post("/auth/logout", {}, { quiet: true });
        };
        if (await attempt(all)) location.replace("/login");
    };

    const changePassword = () =>
        askFor(
            t("account.password"),
            [
                {
                    name: "current_password",
                    label: t("account.current_password"),
                    type: "password",
                    autocomplete: "current-password",
                },
                {
                    name: "new_password",
                    label: t("account.new_password"),
                    type: "password",
                    autocomplete: "new-password",
                },
                { name: "keep_tokens", label: t("account.keep_tokens"), type: "checkbox" },
            ],
            t("account.password"),
            async (values) => {
                await post("/auth/password", values);
                tell(t("account.password_changed"));
                await Promise.all([loadSessions(), loadTokens()]);
            },
        );

    fill(outlet, h("h1", { class: "h4" }, session.user.display_name || session.user.username));
    await Promise.all([loadInvitations(), loadTokens(), loadSessions()]); /* first: nothing is to be pushed away */
    outlet.append(
        h("p", button(t("account.password"), changePassword, "outline-primary")),
        invitations,
        h("h2", { class: "h5 mt-4" }, t("account.tokens")),
        h("p", { class: "text-muted" }, t("account.tokens_are")),
        tokens,
        h("h2", { class: "h5 mt-4" }, t("account.sessions")),
        sessions,
    );
}
