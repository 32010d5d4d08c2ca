// A form of a kind's columns, as GET /api/kinds tells them: nothing here knows a kind.
import { fill, h, id, label, t } from "./ui.js";

const LONG_TEXT = 1000; // characters: a column that may hold more is written in several lines

const asText = (value) =>
    value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2);
const lines = (text) =>
    text
        .split("\n")
        .map((line) => line.trimEnd())
        .filter(Boolean);
const equal = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** What makes `from` into `to` (RFC 7396, JSON merge patch). */
function mergePatch(from, to) {
    if (!isObject(from) || !isObject(to)) return to;
    const patch = {};
    for (const name of Object.keys(from)) if (!(name in to)) patch[name] = null;
    for (const [name, value] of Object.entries(to))
        if (!equal(from[name], value)) patch[name] = mergePatch(from[name], value);
    return patch;
}

function input(column, attributes) {
    return h("input", { class: "form-control", autocomplete: "off", spellcheck: "false", ...attributes });
}

function area(column, rows, attributes = {}) {
    return h("textarea", { class: "form-control", rows, spellcheck: "false", ...attributes });
}

/** Throws a text for people when what is typed is no JSON. */
function parseJson(text) {
    try {
        return JSON.parse(text);
    } catch {
        throw new Error(t("form.json"));
    }
}

/** A row for each member, an empty one at the end. */
function rowsControl(column, attributes, makeValue) {
    const box = h("div", { class: "rows", role: "group", tabindex: "-1", ...attributes });
    const kept = new WeakMap(); // of a row: what was stored, and how the control showed it
    const add = (name = "", value = "") => {
        const control = makeValue(value);
        const row = h(
            "div",
            { class: "input-group mb-1" },
            h("input", {
                class: "form-control name",
                value: name,
                "aria-label": t("form.name"),
                placeholder: t("form.name"),
                autocomplete: "off",
                spellcheck: "false",
            }),
            control,
            h(
                "button",
                {
                    class: "btn btn-outline-secondary",
                    type: "button",
                    "aria-label": t("form.remove_row"),
                    onclick: () => {
                        row.remove();
                        box.dispatchEvent(new Event("input", { bubbles: true }));
                    },
                },
                "×",
            ),
        );
        kept.set(row, { value, shown: control.value });
        box.insertBefore(row, more);
        return row;
    };
    const more = h(
        "button",
        {
            class: "btn btn-sm btn-outline-secondary",
            type: "button",
            onclick: () => add().querySelector("input").focus(),
        },
        t("form.add_row"),
    );
    box.append(more);
    return {
        element: box,
        set: (value) => {
            box.querySelectorAll(".input-group").forEach((row) => row.remove());
            Object.entries(value || {}).forEach(([name, each]) => add(name, each));
        },
        get: () => {
            const found = {};
            for (const row of box.querySelectorAll(".input-group")) {
                const [name, { value }] = row.querySelectorAll("input, textarea");
                const { value: stored, shown } = kept.get(row);
                if (name.value || value) found[name.value] = value === shown ? stored : value;
            }
            return Object.keys(found).length ? found : null;
        },
    };
}

const simple = (
    element,
    get,
    set = (value) => {
        element.value = asText(value);
    },
) => ({ element, get, set });

/** How each type is written; get() gives what is sent, null for nothing. */
const CONTROLS = {
    text(column, attributes) {
        if (column.choices)
            return choice(
                column,
                attributes,
                column.choices.map((each) => [each, each]),
            );
        const element =
            column.max > LONG_TEXT ? area(column, column.max > 20000 ? 12 : 2, attributes) : input(column, attributes);
        return simple(element, () => element.value || null);
    },
    integer(column, attributes) {
        const element = input(column, { type: "number", min: column.min, max: column.max, step: 1, ...attributes });
        return simple(element, () => (element.value === "" ? null : Number(element.value)));
    },
    bool(column, attributes) {
        return choice(
            column,
            attributes,
            [
                ["true", t("form.yes")],
                ["false", t("form.no")],
            ],
            (text) => text === "true",
        );
    },
    strings(column, attributes) {
        const element = area(column, 3, { placeholder: t("form.a_line_each"), ...attributes });
        // An entry that is no line of its own is shown as JSON, like all of them then.
        let json = false;
        return simple(
            element,
            () => {
                const found = json ? parseJson(element.value || "null") : lines(element.value);
                return found?.length ? found : null;
            },
            (value) => {
                json = (value || []).some((each) => !each || each.includes("\n") || each !== each.trimEnd());
                element.value = json ? JSON.stringify(value, null, 2) : (value || []).join("\n");
            },
        );
    },
    map(column, attributes) {
        return rowsControl(column, attributes, (value) =>
            h("input", {
                class: "form-control",
                value,
                "aria-label": t("form.value"),
                placeholder: t("form.value"),
                autocomplete: "off",
                spellcheck: "false",
            }),
        );
    },
    files(column, attributes) {
        return rowsControl(column, attributes, (value) => {
            const binary = typeof value === "object";
            return area(column, binary ? 1 : 4, {
                "aria-label": t("form.value"),
                value: binary ? t("form.binary") : value,
                disabled: binary,
            });
        });
    },
    json(column, attributes) {
        const element = area(column, 6, { class: "form-control font-monospace", ...attributes });
        return simple(
            element,
            () => (element.value.trim() === "" ? null : parseJson(element.value)),
            (value) => {
                element.value = value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
            },
        );
    },
};
const GROUPS = ["map", "files"]; // of several controls
Object.assign(CONTROLS, { name: CONTROLS.text, url: CONTROLS.text, key: CONTROLS.text, object: CONTROLS.json });

function choice(column, attributes, choices, value = (text) => text) {
    const element = h(
        "select",
        { class: "form-select", ...attributes },
        h("option", { value: "" }, column.required ? t("form.choose") : "–"),
        choices.map(([each, text]) => h("option", { value: each }, text)),
    );
    return simple(element, () => (element.value === "" ? null : value(element.value)));
}

/** The columns that the platform has, with the name in front when it is `fresh`: of something that is to be made. */
export function makeForm(kind, platform, fresh) {
    const fields = new Map();
    const name = { name: "name", type: "name", label: { en: t("form.name"), zh: t("form.name") }, required: true };
    const columns = kind.columns.filter((column) => column.platforms.includes(platform) && column.name !== "key_order");
    const general = h("div", { class: "alert alert-danger", role: "alert", hidden: true });
    const element = h(
        "form",
        { novalidate: true, class: "resource-form" },
        general,
        [...(fresh ? [name] : []), ...columns].map((column) => {
            const own = id("field"),
                group = GROUPS.includes(column.type);
            const control = CONTROLS[column.type](column, {
                id: own,
                "aria-describedby": `${own}-error`,
                ...(group ? { "aria-labelledby": `${own}-label` } : { required: column.required }),
            });
            const error = h("div", { class: "invalid-feedback", id: `${own}-error` });
            fields.set(column.name, { column, control, error });
            return h(
                "div",
                { class: "mb-3" },
                h(
                    "label",
                    { class: "form-label", id: `${own}-label`, for: group ? null : own },
                    label(column.label),
                    column.required ? h("span", { class: "text-danger", "aria-hidden": "true" }, " *") : null,
                    column.secret || column.secret_parts
                        ? h("span", { class: "badge text-bg-secondary ms-2" }, t("form.secret"))
                        : null,
                ),
                control.element,
                error,
            );
        }),
    );
    let stored = {}, // as the API has it, of which what follows is how the controls say it
        before = new Map();
    const state = () =>
        new Map(
            [...fields].map(([column, { control }]) => {
                try {
                    return [column, control.get()];
                } catch {
                    return [column, control.element.value];
                }
            }),
        );
    const touched = () => [...state()].filter(([column, value]) => !equal(before.get(column), value));
    const form = {
        element,
        /** Shows the resource. */
        set(resource) {
            for (const [column, { control }] of fields) control.set(resource[column]);
            form.errors([]);
            stored = resource;
            before = state();
        },
        /** The resource is stored like this now; what has been typed since `sent` (of state()) stays. */
        settle(resource, sent) {
            const typed = touched().filter(([column, value]) => !equal(sent.get(column), value));
            for (const [column, { control }] of fields)
                if (!typed.some(([name]) => name === column)) control.set(resource[column]);
            stored = resource;
            before = state();
            for (const [column] of typed) before.set(column, sent.get(column));
        },
        /** The same when somebody else stored it: what is typed stays. */
        renew: (resource) => form.settle(resource, new Map(before)),
        state,
        /** What was changed, as a merge patch of `from`; null when something is no JSON, which is then shown. Nothing else is written:
         * what the form cannot say as it stands, or has no column for, stays. */
        changes(from = stored) {
            const values = form.values();
            return (
                values &&
                Object.fromEntries(touched().map(([column]) => [column, mergePatch(from[column], values[column])]))
            );
        },
        /** What the form says; null when something in it is no JSON, which is then shown. */
        values() {
            const found = {},
                wrong = [];
            for (const [column, { control }] of fields) {
                try {
                    found[column] = control.get();
                } catch (error) {
                    wrong.push({ field: column, message: error.message });
                }
            }
            form.errors(wrong);
            return wrong.length ? null : found;
        },
        /** Each at its field ("env.TOKEN" at env), the others above; the first is brought into view. */
        errors(list) {
            const rest = [];
            for (const { control, error } of fields.values()) {
                control.element.classList.remove("is-invalid");
                error.textContent = "";
            }
            for (const each of list) {
                const field = fields.get(each.field) || fields.get(each.field.split(/[.[]/)[0]);
                if (!field) {
                    rest.push(h("div", {}, h("strong", {}, each.field), " ", each.message));
                    continue;
                }
                field.control.element.classList.add("is-invalid");
                field.error.append(
                    field.error.textContent ? "; " : "",
                    each.field === field.column.name ? each.message : `${each.field} ${each.message}`,
                );
            }
            general.hidden = !rest.length;
            fill(general, rest);
            element.querySelector(".is-invalid")?.focus();
        },
        changed: () => touched().length > 0,
    };
    return form;
}
