// One resource of any kind: its form, and what can be done with it.
import { address, ask, get, post, remove, session, whenChanged } from "../lib/api.js";
import {
    ago,
    askFor,
    attempt,
    button,
    confirm,
    dialog,
    fill,
    h,
    label,
    noPage,
    OFF,
    t,
    table,
    tell,
    text,
} from "../lib/ui.js";
import { confirmed } from "../lib/confirmed.js";
import { makeForm } from "../lib/form.js";
import { go, guardWith, link } from "../lib/router.js";

const revisionOf = (etag) => etag?.match(/^"(\d+)/)?.[1];
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

export async function show(outlet, { platform, kind: kindName, name, signal }) {
    const kind = session.kind(kindName);
    if (!kind?.platforms.includes(platform)) return noPage(outlet);
    const base = ["resources", platform, kindName],
        thing = [...base, name];
    const list = link(...base);
    const writes = session.may(kind.write);
    const form = makeForm(kind, platform, !name);
    let etag = null;

    const leave = () => !form.changed() || confirm(t("item.unsaved_title"), t("item.unsaved_text"), t("item.leave"));
    leave.unsaved = () => form.changed();

    async function load() {
        const answer = await ask("GET", address(thing), { signal });
        etag = answer.etag;
        news.hidden = true;
        form.set(answer.data);
    }

    /** Somebody else stored it anew, or deleted it: says so where it is seen from all of the form, which stays as and where it is. */
    const news = h("div", {
        class: "alert alert-info news d-flex gap-3 align-items-center mt-3 mb-0",
        role: "status",
        hidden: true,
    });
    const say = (what, actor, ...more) => {
        fill(news, more, h("span", t(what, { actor: actor || t("live.somebody") })));
        news.hidden = false;
    };
    async function renew() {
        const answer = await ask("GET", address(thing), { signal });
        etag = answer.etag;
        form.renew(answer.data);
        news.hidden = true;
    }
    async function look(change) {
        if (change?.names.length && !change.names.includes(name)) return;
        try {
            const answer = await ask("GET", address(thing), { signal });
            if (revisionOf(answer.etag) === revisionOf(etag)) return;
            say(
                "live.changed",
                change?.by,
                button(t("live.load"), () => attempt(renew), "primary"),
            );
        } catch (error) {
            if (error.status === 404) say("live.deleted", change?.by);
        }
    }

    const warn = (warnings) => (warnings || []).forEach((each) => tell(`${each.field}: ${each.message}`, "warning"));

    /** Somebody else was quicker: what is stored beside what stands here, and which of the two is to be. */
    async function conflict(mine) {
        const theirs = await ask("GET", address(thing), { signal });
        const { revisions } = await get(address([...thing, "revisions"], { limit: 1 }), { signal });
        const typed = form.values();
        const rows = kind.columns
            .filter((column) => column.name in mine && !same(theirs.data[column.name], typed[column.name]))
            .map((column) => [
                label(column.label),
                h("td", { class: "old" }, text(theirs.data[column.name])),
                h("td", { class: "new" }, text(typed[column.name])),
            ]);
        const title = t("conflict.title", {
            actor: revisions[0]?.actor ?? "?",
            when: revisions[0] ? ago(revisions[0].timestamp) : "",
        });
        const choice = await dialog(title, (close) => [
            table([t("conflict.field"), t("conflict.theirs"), t("conflict.yours")], rows, t("revisions.same")),
            h(
                "div",
                { class: "d-flex flex-wrap gap-2 justify-content-end" },
                button(t("dialog.cancel"), () => close(null)),
                button(t("conflict.take_theirs"), () => close("theirs"), "outline-primary"),
                button(t("conflict.keep_yours"), () => close("mine"), "danger"),
            ),
        ]);
        if (choice === "theirs") await load();
        if (choice !== "mine") return;
        etag = theirs.etag;
        await send(form.changes(theirs.data));
    }

    /** What is new as a whole, else what was changed. */
    async function send(body) {
        const sent = form.state();
        try {
            const answer = await ask(name ? "PATCH" : "POST", address(name ? thing : base), { body, etag });
            warn(answer.data.warnings);
            tell(t("item.saved", { name: name ?? body.name }));
            etag = answer.etag;
            news.hidden = true;
            form.settle(answer.data.resource, sent);
            if (!name) await go(list);
        } catch (error) {
            if (error.status === 412) await conflict(body);
            else if (error.fields?.length) form.errors(error.fields);
            else tell(error.message || t("error.unreached"), "danger");
        }
    }

    async function save(event) {
        event.preventDefault();
        const body = name ? form.changes() : form.values();
        if (!body) return;
        if (!Object.keys(body).length) return void tell(t("item.nothing"));
        submit.disabled = true;
        await send(body);
        submit.disabled = false;
    }

    const copy = () =>
        askFor(
            t("item.copy"),
            [
                { name: "name", label: t("form.name"), value: name },
                {
                    name: "platform",
                    label: t("nav.platform"),
                    value: platform,
                    choices: kind.platforms.map((each) => [each, each]),
                },
                {
                    name: "workspace",
                    label: t("nav.workspace"),
                    value: session.workspace.slug,
                    choices: session.workspaces.map((each) => [each.slug, each.name]),
                },
            ],
            t("item.copy"),
            async ({ workspace, ...values }) => {
                const elsewhere = workspace === session.workspace.slug ? {} : { workspace };
                warn((await post(address([...thing, "copy"]), { ...values, ...elsewhere })).warnings);
                tell(t("item.copied", { name: values.name }));
            },
        );

    async function rename() {
        const fields = [{ name: "name", label: t("form.name"), value: name }];
        const done = await askFor(t("item.rename"), fields, t("item.rename"), (values) =>
            post(address([...thing, "rename"]), values).then(() => values),
        );
        if (done) await go(link(...base, "item", done.name), { replace: true });
    }

    async function destroy() {
        if (!(await confirm(t("item.delete_title", { name }), t("item.delete_text"), t("item.delete")))) return;
        if (!(await attempt(() => remove(address(thing)), t("item.deleted", { name })))) return;
        guardWith(null);
        await go(list);
    }

    const reveal = () =>
        attempt(async () => {
            const found = await confirmed(() => post(address([...thing, "reveal"])));
            if (found === OFF) return;
            await dialog(t("item.reveal"), (close) => [
                text(found.secrets ?? found),
                h(
                    "div",
                    { class: "text-end mt-3" },
                    button(t("dialog.close"), () => close(null), "primary"),
                ),
            ]);
        });

    /** As its CLI reads it, secrets masked. */
    const showFile = () =>
        attempt(async () => {
            const { files, left_out: left } = await post(
                "/resources/export",
                { platform, kind: kindName, name },
                { signal },
            );
            await dialog(t("item.file"), (close) => [
                files.map(({ path, content }) => [
                    h("h3", { class: "h6" }, h("code", path)),
                    h(
                        "div",
                        { class: "border rounded p-2 mb-2" },
                        text(typeof content === "string" ? content : t("form.binary")),
                    ),
                ]),
                left.map((each) => h("p", { class: "text-muted" }, each.message)),
                h(
                    "div",
                    { class: "text-end mt-3" },
                    button(t("dialog.close"), () => close(null), "primary"),
                ),
            ]);
        });

    form.element.hidden = Boolean(name); // until there is something to write over
    const secretive = kind.columns.some((column) => column.secret || column.secret_parts);
    fill(
        outlet,
        h("nav", { "aria-label": t("nav.where") }, h("a", { href: list }, `${label(kind.label)} · ${platform}`)),
        h(
            "div",
            { class: "d-flex flex-wrap gap-2 align-items-center mb-3" },
            h("h1", { class: "h4 mb-0 me-auto text-break" }, name || t("item.new", { kind: label(kind.label) })),
            name && writes ? [button(t("item.copy"), copy), button(t("item.rename"), rename)] : null,
            name
                ? [
                      button(t("item.file"), showFile),
                      h(
                          "a",
                          { class: "btn btn-outline-secondary", href: link(...base, "revisions", name) },
                          t("item.revisions"),
                      ),
                  ]
                : null,
            name && writes && secretive ? button(t("item.reveal"), reveal) : null,
            name && writes ? button(t("item.delete"), destroy, "outline-danger") : null,
        ),
        form.element,
        news,
    );
    form.element.addEventListener("submit", save);
    const submit = h("button", { class: "btn btn-primary", type: "submit" }, t("item.save"));
    if (writes) form.element.append(submit);
    if (name) {
        const loaded = load();
        whenChanged(
            { platform, kind: kindName },
            (change) =>
                loaded.then(
                    () => look(change),
                    () => {},
                ),
            signal,
        );
        await loaded;
    } else form.set({});
    form.element.hidden = false;
    if (!writes)
        form.element.querySelectorAll("input, textarea, select, button").forEach((each) => {
            each.disabled = true;
        });
    guardWith(leave);
}
