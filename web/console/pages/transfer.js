// Files in and out, and from one CLI to another: what would happen is shown before it does.
import { post, session } from "../lib/api.js";
import { attempt, button, fill, h, id, label, labelled, newest, OFF, select, small, t, table } from "../lib/ui.js";
import { confirmed } from "../lib/confirmed.js";
import { contentOf, dropped, isProfiles, placeOf } from "../lib/native.js";
import { link } from "../lib/router.js";

const ARCHIVE = /\.(tar\.gz|tgz)$/;
const BADGES = { create: "success", update: "primary", delete: "danger" };
const PROFILE_ACTIONS = { added: "create", updated: "update", removed: "delete" };

const platformChoice = (chosen, change) =>
    select(
        session.platforms.map((each) => [each, each]),
        chosen,
        change,
    );
const kindName = (name) => label(session.kind(name)?.label) || name;

/** What a plan makes, changes and deletes, field by field. */
function planTable(items) {
    const rows = items
        .filter((item) => item.action in BADGES)
        .map((item) => [
            h("td", h("span", { class: `badge text-bg-${BADGES[item.action]}` }, t(`plan.${item.action}`))),
            item.platform,
            kindName(item.kind),
            h("th", { scope: "row" }, item.name),
            (item.changes ?? []).map((change) => change.field).join(", "),
        ]);
    return table(
        [t("plan.what"), t("nav.platform"), t("plan.kind"), t("form.name"), t("plan.fields")],
        rows,
        t("plan.nothing"),
    );
}

const leftList = (left) =>
    left.length
        ? [
              h("h3", { class: "h6" }, t("transfer.left")),
              h(
                  "ul",
                  left.map((each) =>
                      h(
                          "li",
                          h("code", each.path ?? each.place ?? each.name ?? ""),
                          " ",
                          each.reason ?? each.message ?? "",
                      ),
                  ),
              ),
          ]
        : null;

function saveAs(name, content, type = "text/plain") {
    const url = URL.createObjectURL(new Blob([content], { type }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function importing(signal) {
    let platform = session.platform,
        chosen = [],
        files = [],
        archive = null;
    const list = h("div"),
        plan = h("div", { "aria-live": "polite" });

    async function take(given) {
        const read = [];
        let packed = null;
        chosen = given;
        fill(plan);
        for (const { path, file } of given) {
            const content = await contentOf(file);
            const said = typeof content === "string" ? content : "";
            if (chosen !== given) return; // others were dropped meanwhile
            if (ARCHIVE.test(path) && given.length === 1) packed = { name: path, base64: content.base64 };
            else
                read.push({
                    from: path,
                    content,
                    profiles: isProfiles(path, said),
                    path: placeOf(platform, path, said),
                });
        }
        files = read;
        archive = packed;
        draw();
        if (files.length || archive) await look();
    }

    function fileRow(each) {
        const moved = (event) => {
            each.path = event.target.value.trim();
            return look();
        };
        return h(
            "div",
            { class: "input-group mb-1" },
            h("span", { class: "input-group-text text-break" }, each.from),
            each.profiles
                ? h("span", { class: "form-control" }, t("transfer.profiles"))
                : h("input", {
                      class: "form-control",
                      value: each.path,
                      "aria-label": t("transfer.path", { name: each.from }),
                      spellcheck: "false",
                      onchange: moved,
                  }),
        );
    }
    const draw = () => fill(list, archive ? h("p", archive.name) : files.map(fileRow));

    async function importProfiles(file, dryRun, signal) {
        const { profiles } = await post(
            `/import?platform=${platform}`,
            { content: file.content, dry_run: dryRun },
            { signal },
        );
        return profiles.map(({ name, result }) => ({
            platform,
            kind: "profile",
            name,
            action: PROFILE_ACTIONS[result] ?? "unchanged",
        }));
    }

    async function send(dryRun, signal) {
        const items = [],
            left = [];
        for (const each of files.filter((file) => file.profiles))
            items.push(...(await importProfiles(each, dryRun, signal)));
        const native = files.filter((each) => !each.profiles).map(({ path, content }) => ({ path, content }));
        if (archive || native.length) {
            const what = archive ? { archive: archive.base64 } : { files: native };
            const answer = await post("/resources/import", { platform, dry_run: dryRun, ...what }, { signal });
            items.push(...answer.files.flatMap((file) => file.resources));
            left.push(...answer.files.flatMap((file) => file.left));
        }
        return { items, left };
    }

    const look = newest(async (own) => {
        fill(plan);
        try {
            const { items, left } = await send(true, own);
            fill(
                plan,
                h("h3", { class: "h6 mt-3" }, t("transfer.would")),
                planTable(items),
                leftList(left),
                button(t("transfer.import"), carryOut, "primary"),
            );
        } catch (error) {
            if (error.name === "AbortError") throw error;
            const fields = error.fields?.map((each) => h("li", `${each.field} ${each.message}`));
            fill(
                plan,
                h(
                    "div",
                    { class: "alert alert-danger mt-3", role: "alert" },
                    error.message || t("error.unreached"),
                    fields?.length ? h("ul", { class: "mb-0" }, fields) : null,
                ),
            );
        }
    }, signal);

    async function carryOut(event) {
        event.target.disabled = true;
        const done = await attempt(async () => {
            const { items } = await send(false, signal);
            const kinds = [...new Set(items.map((item) => item.kind))];
            await take([]);
            fill(
                plan,
                h("h3", { class: "h6 mt-3" }, t("transfer.did")),
                planTable(items),
                h(
                    "p",
                    kinds.map((name) => [h("a", { href: link("resources", platform, name) }, kindName(name)), " "]),
                ),
            );
        }, t("transfer.done"));
        event.target.disabled = done;
    }

    const pick = h("input", {
        class: "visually-hidden",
        id: id("files"),
        type: "file",
        multiple: true,
        onchange: (event) =>
            take([...event.target.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }))),
    });
    const over = (event) => {
        event.preventDefault();
        zone.classList.toggle("over", event.type === "dragover");
    };
    const drop = async (event) => {
        over(event);
        await take(await dropped(event.dataTransfer));
    };
    const zone = h(
        "label",
        { class: "drop", for: pick.id, ondragover: over, ondragleave: over, ondrop: drop },
        t("transfer.drop"),
    );
    const change = (name) => {
        platform = name;
        return take(chosen);
    };
    return [
        h("h2", { class: "h5" }, t("transfer.in")),
        labelled(t("nav.platform"), platformChoice(platform, change)),
        pick,
        zone,
        list,
        plan,
    ];
}

function exporting() {
    let platform = session.platform;
    const shown = h("div", { "aria-live": "polite" });
    const secrets = h("input", { class: "form-check-input", type: "checkbox", id: id("secrets") });
    const ask = (to, body = {}) => confirmed(() => post(to, { platform, include_secrets: secrets.checked, ...body }));

    function fileView({ path, content }) {
        const readable = typeof content === "string";
        return h(
            "details",
            { class: "border rounded p-2 mt-2" },
            h("summary", h("code", path)),
            readable
                ? [
                      h("pre", { class: "mb-1 mt-2" }, content),
                      small(t("transfer.save"), () => saveAs(path.split("/").pop(), content)),
                  ]
                : h("p", t("form.binary")),
        );
    }
    const look = () =>
        attempt(async () => {
            const answer = await ask("/resources/export");
            if (answer === OFF) return;
            fill(
                shown,
                answer.files.length
                    ? answer.files.map(fileView)
                    : h("p", { class: "text-muted mt-2" }, t("list.empty")),
                leftList(answer.left_out ?? []),
            );
        });
    const archive = () =>
        attempt(async () => {
            const answer = await ask("/resources/export", { format: "tar.gz" });
            if (answer !== OFF)
                saveAs(
                    `${platform}.tar.gz`,
                    Uint8Array.from(atob(answer.archive), (each) => each.charCodeAt(0)),
                    "application/gzip",
                );
        });
    const profiles = () =>
        attempt(async () => {
            const answer = await ask(`/export?platform=${platform}`);
            if (answer !== OFF) saveAs(answer.filename, answer.content);
        });
    const change = (name) => {
        platform = name;
        fill(shown);
    };
    return [
        h("h2", { class: "h5 mt-4" }, t("transfer.out")),
        h("div", { class: "mb-2" }, labelled(t("nav.platform"), platformChoice(platform, change))),
        session.may("admin")
            ? h(
                  "div",
                  { class: "form-check mb-2" },
                  secrets,
                  h("label", { class: "form-check-label", for: secrets.id }, t("transfer.secrets")),
              )
            : null,
        h(
            "div",
            { class: "d-flex flex-wrap gap-2" },
            button(t("transfer.look"), look, "outline-primary"),
            button(t("transfer.archive"), archive, "outline-primary"),
            button(t("transfer.toml"), profiles, "outline-primary"),
        ),
        shown,
    ];
}

function converting(signal) {
    let from = session.platform,
        to = session.platforms.find((each) => each !== from);
    const plan = h("div", { "aria-live": "polite" });
    const convert = newest(async (own, pair, dryRun) => {
        fill(plan);
        const answer = await post("/resources/convert", { ...pair, dry_run: dryRun }, { signal: own });
        const some = answer.plan.some((item) => item.action in BADGES);
        fill(
            plan,
            h("h3", { class: "h6 mt-3" }, t(dryRun ? "transfer.would" : "transfer.did")),
            planTable(answer.plan),
            leftList(answer.left),
            answer.warnings.map((each) =>
                h("p", { class: "text-muted mb-1" }, `${each.name ?? ""} ${each.field ?? ""} ${each.message}`),
            ),
            dryRun && some ? button(t("transfer.convert_do"), () => convert(pair, false), "primary") : null,
        );
    }, signal);
    const changeFrom = (name) => {
        from = name;
        fill(plan);
    };
    const changeTo = (name) => {
        to = name;
        fill(plan);
    };
    return [
        h("h2", { class: "h5 mt-4" }, t("transfer.convert")),
        h(
            "div",
            { class: "d-flex flex-wrap gap-2 align-items-end" },
            labelled(t("transfer.from"), platformChoice(from, changeFrom)),
            labelled(t("transfer.to"), platformChoice(to, changeTo)),
            button(t("transfer.plan"), () => convert({ from, to }, true), "outline-primary"),
        ),
        plan,
    ];
}

export function show(outlet, { signal }) {
    const writes = session.may("editor");
    fill(
        outlet,
        h("h1", { class: "h4" }, t("transfer.title")),
        writes ? importing(signal) : null,
        exporting(),
        writes ? converting(signal) : null,
    );
}
