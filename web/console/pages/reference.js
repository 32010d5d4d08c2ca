// The API as the server itself describes it, to be tried as who is logged in.
import { ask, get } from "../lib/api.js";
import { fill, h, labelled, later, t } from "../lib/ui.js";

const COLOURS = { get: "secondary", post: "success", put: "primary", patch: "primary", delete: "danger" };
const EMPTY = { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} };
const DEEP = 5;
let signal; // of the page, for what it sends

const leaf = (reference) => reference.split("/").pop();

/** A value that the schema allows: its own example, or one made of what it requires. */
function example(schema, all, depth = 0) {
    if (!schema || depth > DEEP) return null;
    if (schema.$ref) return example(all.components.schemas[leaf(schema.$ref)], all, depth + 1);
    if (schema.example !== undefined) return schema.example;
    if (schema.enum) return schema.enum[0];
    if (!schema.properties) return EMPTY[[schema.type].flat()[0]] ?? null;
    const needed = Object.entries(schema.properties).filter(
        ([name]) => !schema.required || schema.required.includes(name),
    );
    return Object.fromEntries(needed.map(([name, each]) => [name, example(each, all, depth + 1)]));
}

const parametersOf = (operation, all) =>
    (operation.parameters || [])
        .map((each) => (each.$ref ? all.components.parameters[leaf(each.$ref)] : each))
        .filter((each) => each.in === "path" || each.in === "query");

function tryIt(method, path, operation, all) {
    const inputs = parametersOf(operation, all).map((each) => [
        each,
        h("input", { class: "form-control form-control-sm", required: each.required }),
    ]);
    const media = operation.requestBody?.content?.["application/json"];
    const body = media
        ? h("textarea", {
              class: "form-control font-monospace",
              rows: 5,
              spellcheck: "false",
              value: JSON.stringify(media.example ?? example(media.schema, all), null, 2),
          })
        : null;
    const shown = h("div", { "aria-live": "polite" });

    async function send(event) {
        event.preventDefault();
        const query = new URLSearchParams();
        let to = path;
        for (const [{ name, in: place }, { value }] of inputs) {
            if (place === "path") to = to.replace(`{${name}}`, encodeURIComponent(value));
            else if (value) query.set(name, value);
        }
        let said;
        try {
            const answer = await ask(method.toUpperCase(), query.size ? `${to}?${query}` : to, {
                body: body?.value.trim() ? JSON.parse(body.value) : undefined,
                once: true,
                signal,
            });
            said = JSON.stringify(answer.data, null, 2);
        } catch (error) {
            said = `${error.status || ""} ${error.message}`;
        }
        fill(shown, h("pre", { class: "border rounded p-2 mt-2" }, said));
    }

    return h(
        "form",
        { onsubmit: send, class: "mt-2 d-grid gap-2" },
        inputs.map(([each, input]) => labelled(each.name, input)),
        body ? labelled(t("reference.body"), body) : null,
        h("div", h("button", { class: "btn btn-sm btn-primary", type: "submit" }, t("reference.send"))),
        shown,
    );
}

function route(method, path, operation, all) {
    const inside = h("div", { class: "p-2" });
    const open = (event) => {
        if (!event.target.open || inside.childElementCount) return;
        fill(
            inside,
            operation.description ? h("p", operation.description) : null,
            h("h2", { class: "h6" }, t("reference.try")),
            tryIt(method, path, operation, all),
        );
    };
    return h(
        "details",
        { class: "border rounded mb-1", ontoggle: open },
        h(
            "summary",
            { class: "p-2" },
            h("span", { class: `badge text-bg-${COLOURS[method]} me-2` }, method.toUpperCase()),
            h("code", path),
            " ",
            h("span", { class: "text-muted" }, operation.summary ?? ""),
        ),
        inside,
    );
}

export async function show(outlet, { signal: own }) {
    signal = own;
    const all = await get("/openapi.json", { signal });
    const routes = Object.entries(all.paths).flatMap(([path, item]) =>
        Object.entries(item)
            .filter(([method]) => method in COLOURS)
            .map(([method, operation]) => [
                `${method} ${path} ${operation.summary ?? ""}`.toLowerCase(),
                () => route(method, path, operation, all),
            ]),
    );
    const list = h("div");
    const find = (wanted) => {
        const words = wanted.toLowerCase().split(/\s+/);
        fill(
            list,
            routes.filter(([said]) => words.every((word) => said.includes(word))).map(([, make]) => make()),
        );
    };
    const wanted = h("input", {
        class: "form-control search mb-3",
        type: "search",
        "aria-label": t("reference.search"),
        placeholder: t("reference.search"),
        oninput: later(() => find(wanted.value.trim()), 200, signal),
    });
    fill(
        outlet,
        h("h1", { class: "h4" }, t("reference.title")),
        h("p", { class: "text-muted" }, t("reference.text")),
        wanted,
        list,
    );
    find("");
}
