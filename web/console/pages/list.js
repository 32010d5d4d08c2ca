// The list of any kind on a platform: search, pages behind a cursor, and what is done with several at once.
import { address, get, post, remove, session, whenChanged } from "../lib/api.js";
import {
    attempt,
    button,
    confirm,
    count,
    fill,
    frame,
    h,
    gathered,
    label,
    later,
    newest,
    noPage,
    renew,
    row,
    select,
    small,
    t,
    when,
} from "../lib/ui.js";
import { keepQuery, link } from "../lib/router.js";

const PAGE = 50;
const PAGE_MAX = 500;
const QUIET_MS = 500; // until a list that others changed is read again: not by everybody in the same moment
const SHOWN_COLUMNS = 3;
const SHORT = ["text", "url", "name", "bool", "integer", "strings"];

/** What of the kind's columns a list has room for. */
const shortColumns = (kind, platform) =>
    kind.columns
        .filter(
            (column) =>
                column.listed && !column.secret && column.platforms.includes(platform) && SHORT.includes(column.type),
        )
        .slice(0, SHOWN_COLUMNS);

const said = (value) =>
    Array.isArray(value) ? value.join(", ") : typeof value === "boolean" ? t(value ? "form.yes" : "form.no") : value;

export async function show(outlet, { platform, kind: name, query, signal }) {
    const kind = session.kind(name);
    if (!kind?.platforms.includes(platform)) return noPage(outlet);
    const base = ["resources", platform, name];
    const writes = session.may(kind.write);
    const columns = shortColumns(kind, platform);
    const asked = {
        search: query.get("search") || "",
        folder: query.get("folder") || "",
        enabled: query.get("enabled") || "",
    };
    const chosen = new Set();
    let cursor = null,
        answered = "",
        shown = [];

    const body = h("tbody"),
        folders = h("nav", { "aria-label": t("list.folder") });
    const total = h("span", { class: "text-muted", role: "status", "aria-live": "polite" });
    const more = button(t("list.more"), () => load("further"));
    const bulk = h(
        "div",
        { class: "d-flex gap-2" },
        small(t("list.turn_on"), () => turnChosen("enable")),
        small(t("list.turn_off"), () => turnChosen("disable")),
        small(t("list.delete_chosen"), deleteChosen, "outline-danger"),
    );

    // What is asked for may have changed since the last answer, also while others' changes make it ask again. The same question once more
    // leaves the person what is chosen and how much is shown; another one begins anew.
    const load = newest(async (own, wanted = "anew") => {
        const question = JSON.stringify(asked);
        const follows = (what) => wanted === what && question === answered;
        const [further, again] = [follows("further"), follows("again")];
        const found = await get(
            address(base, {
                ...asked,
                limit: again ? Math.min(Math.max(shown.length, PAGE), PAGE_MAX) : PAGE,
                cursor: further ? cursor : "",
            }),
            { signal: own },
        );
        if (!further) {
            const there = new Set(again ? found.items.map((each) => each.name) : []);
            for (const each of chosen) if (!there.has(each)) chosen.delete(each);
            if (!again) body.replaceChildren();
            shown = [];
        }
        answered = question;
        shown.push(...found.items);
        renew(body, shown.length ? shown.map(entryOf) : [nothing()]);
        cursor = found.next_cursor;
        more.hidden = !cursor;
        bulk.hidden = !chosen.size;
        total.textContent = t(found.total_at_least ? "list.shown_of_at_least" : "list.shown_of", {
            shown: count(shown.length),
            total: count(found.total),
        });
        fill(folders, asked.folder ? [h("span", asked.folder), " ", small("×", () => narrowTo(""))] : null);
    }, signal);

    async function deleteChosen() {
        const names = [...chosen];
        if (!(await confirm(t("list.delete_title"), t("list.delete_text", { count: names.length }), t("item.delete"))))
            return;
        await attempt(() => remove(address(base), { names }), t("list.deleted", { count: names.length }));
        await load();
    }

    async function turnChosen(verb) {
        for (const each of [...chosen]) if (!(await attempt(() => post(address([...base, each, verb]))))) break;
        await load();
    }

    async function turn(resource, event) {
        if (await attempt(() => post(address([...base, resource.name, resource.enabled ? "disable" : "enable"]))))
            resource.enabled = !resource.enabled;
        event.target.checked = resource.enabled;
    }

    function narrowTo(folder) {
        asked.folder = folder;
        narrow();
    }

    function nameOf(resource) {
        const leaf = resource.folder ? resource.name.slice(resource.folder.length + 1) : resource.name;
        return [
            resource.folder
                ? [
                      h(
                          "button",
                          { class: "btn btn-link p-0", type: "button", onclick: () => narrowTo(resource.folder) },
                          resource.folder,
                      ),
                      " / ",
                  ]
                : null,
            h("a", { href: link(...base, "item", resource.name) }, leaf),
        ];
    }

    function resourceRow(resource) {
        const pick = h("input", {
            class: "form-check-input",
            type: "checkbox",
            checked: chosen.has(resource.name),
            "aria-label": t("list.choose", { name: resource.name }),
            onchange: (event) => {
                chosen[event.target.checked ? "add" : "delete"](resource.name);
                bulk.hidden = !chosen.size;
            },
        });
        const on = h("input", {
            class: "form-check-input",
            type: "checkbox",
            role: "switch",
            checked: resource.enabled,
            disabled: !writes,
            "aria-label": t("list.enabled", { name: resource.name }),
            onchange: (event) => turn(resource, event),
        });
        return row([
            ...(writes ? [h("td", { class: "narrow" }, pick)] : []),
            h("th", { scope: "row" }, nameOf(resource)),
            ...columns.map((column) => h("td", { class: "clip d-none d-md-table-cell" }, said(resource[column.name]))),
            h("td", { class: "narrow" }, h("div", { class: "form-check form-switch m-0" }, on)),
            h("td", { class: "narrow text-nowrap d-none d-sm-table-cell" }, when(resource.updated_at)),
        ]);
    }

    const entryOf = (resource) => ({
        key: resource.name,
        state: JSON.stringify(resource),
        make: () => resourceRow(resource),
    });
    const nothing = () => {
        const text = t(asked.search ? "list.nothing_found" : "list.empty");
        return {
            key: null,
            state: text,
            make: () => h("tr", h("td", { colspan: columns.length + 4, class: "text-muted" }, text)),
        };
    };

    const narrow = later(
        () => {
            keepQuery(asked);
            return load("again");
        },
        200,
        signal,
    );
    const search = (event) => {
        asked.search = event.target.value.trim();
        narrow();
    };
    const heads = [
        ...(writes ? [h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t("list.chosen")))] : []),
        t("form.name"),
        ...columns.map((column) => h("th", { scope: "col", class: "d-none d-md-table-cell" }, label(column.label))),
        t("list.on"),
        h("th", { scope: "col", class: "d-none d-sm-table-cell" }, t("list.changed")),
    ];
    const states = [
        ["", t("list.all")],
        ["true", t("list.on")],
        ["false", t("list.off")],
    ];
    fill(
        outlet,
        h(
            "div",
            { class: "d-flex flex-wrap gap-2 align-items-center mb-3" },
            h("h1", { class: "h4 mb-0 me-auto" }, `${label(kind.label)} · ${platform}`),
            writes ? h("a", { class: "btn btn-primary", href: link(...base, "new") }, t("list.new")) : null,
        ),
        h(
            "div",
            { class: "d-flex flex-wrap gap-2 mb-2 align-items-center", role: "search" },
            h("input", {
                class: "form-control search",
                type: "search",
                value: asked.search,
                "aria-label": t("list.search"),
                placeholder: t("list.search"),
                oninput: search,
            }),
            select(
                states,
                asked.enabled,
                (value) => {
                    asked.enabled = value;
                    narrow();
                },
                { "aria-label": t("list.state") },
            ),
            total,
            folders,
            writes ? bulk : null,
        ),
        frame(heads, body),
        more,
    );
    whenChanged(
        { platform, kind: name },
        gathered(() => load("again"), QUIET_MS * (0.2 + Math.random()), signal),
        signal,
    );
    await load();
}
