// What every page is made of: texts, elements, tables, questions on top of the page, and what is said for a while. One file: every page
// needs all of it, and a file is a request.

/* ---- texts ------------------------------------------------------------------------------------------------------- */

// They stand in text/en.js and text/zh.js by the same keys, as a test checks, and only those of the language in use are loaded; a label
// that the API gives has both.

const LANGUAGES = { en: "en", zh: "zh-CN" };
const KEY = "ccr-language";

const wanted = localStorage.getItem(KEY) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let current = wanted in LANGUAGES ? wanted : "en";
let texts = await load();

async function load() {
    document.documentElement.lang = LANGUAGES[current];
    return (await import(`../text/${current}.js`)).default;
}

export const language = () => current;
/** As HTML and Accept-Language name it. */
export const languageTag = () => LANGUAGES[current];

export async function useLanguage(name) {
    current = name in LANGUAGES ? name : "en";
    localStorage.setItem(KEY, current);
    texts = await load();
}

/** The text of a key; {name} in it is filled in. */
export function t(key, values = {}) {
    return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Of {en, zh}. */
export const label = (both) => both?.[current] || both?.en || "";

const UNITS = [
    ["second", 60],
    ["minute", 60],
    ["hour", 24],
    ["day", 30],
    ["month", 12],
    ["year", Infinity],
];

/** "3 minutes ago", for a person; `title` attributes have the exact time. */
export function ago(time) {
    let left = (new Date(time) - Date.now()) / 1000;
    for (const [unit, size] of UNITS) {
        if (Math.abs(left) < size)
            return new Intl.RelativeTimeFormat(languageTag(), { numeric: "auto" }).format(Math.round(left), unit);
        left /= size;
    }
    return "";
}

export const exactly = (time) => new Date(time).toLocaleString(languageTag());
export const count = (number) => new Intl.NumberFormat(languageTag()).format(number);

/** The actions of the audit trail that are about no kind of resource. */
export const actionCodes = () =>
    Object.keys(texts)
        .filter((key) => /^did\.[a-z]+\./.test(key))
        .map((key) => key.slice("did.".length));

/** What was done, of an action of the audit trail or an operation of a revision: "auth.login", "mcp_server.update" of one of `kinds`,
 * "update". */
export function actionText(code, kinds = []) {
    if (texts[`did.${code}`]) return t(`did.${code}`);
    const [what, verb] = code.split(".");
    return t(`did.*.${verb}`, { kind: label(kinds.find((each) => each.name === what)?.label) || what });
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

const THEME = "ccr-theme-console";
const root = document.documentElement;

export const isDark = () => root.dataset.theme === "dark";

/** "dark" or "light"; kept in this browser. */
export function useTheme(name) {
    root.dataset.theme = name;
    localStorage.setItem(THEME, name);
}

root.dataset.theme =
    localStorage.getItem(THEME) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

/* ---- elements ---------------------------------------------------------------------------------------------------- */

// There is no template language: text is always text, so that nothing that comes from the API is ever read as HTML.

const PROPERTIES = new Set(["value", "checked", "indeterminate"]);
const is = (child) => child !== null && child !== undefined && child !== false;
const isAttributes = (value) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Node);

/** h("p", "text"), h("p", {class: "x"}, child, [more]). on… are listeners; true sets an empty attribute; null, false and undefined
 * are no attribute and no child. */
export function h(tag, ...rest) {
    const element = document.createElement(tag);
    const attributes = isAttributes(rest[0]) ? rest.shift() : {};
    element.append(...rest.flat(Infinity).filter(is));
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (PROPERTIES.has(name)) element[name] = value ?? "";
        else if (is(value)) element.setAttribute(name, value === true ? "" : value);
    }
    return element;
}

let last = 0;

/** An id that no other element has, for labels and descriptions. */
export const id = (prefix = "x") => `${prefix}-${++last}`;

/** Puts these children in place of what is there. */
export function fill(element, ...children) {
    element.replaceChildren(...children.flat(Infinity).filter(is));
    return element;
}

const FOCUSABLE = "a, button, input";
const madeOf = new WeakMap(); // element → the entry it was made of

/**
 * Shows these things as the children of `element`. entries: {key, state, make()}; key says which thing it is, state is text that
 * differs whenever it has to look otherwise, make answers its element. What is shown already in the same state is left alone, so that
 * others' changes take nothing from under a person's pointer: a click that has begun arrives, and what is focused or ticked stays so. Of
 * what is made anew, or gone, the focus goes to the same control, or to the first one around.
 */
export function renew(element, entries) {
    const there = new Map([...element.children].map((each) => [madeOf.get(each)?.key, each]));
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    const box = [...there.values()].find((each) => each.contains(focused));
    const controls = (within) => [...within.querySelectorAll(FOCUSABLE)];
    const place = box ? controls(box).indexOf(focused) : -1;
    const wanted = new Map(
        entries.map((entry) => {
            const known = there.get(entry.key);
            if (known && madeOf.get(known).state === entry.state) return [entry.key, known];
            const made = entry.make();
            madeOf.set(made, entry);
            return [entry.key, made];
        }),
    );
    for (const [key, each] of there) if (wanted.get(key) !== each) each.remove();
    let before = null;
    for (const each of [...wanted.values()].reverse()) {
        if (each.parentNode !== element || each.nextSibling !== before) element.insertBefore(each, before);
        before = each;
    }
    for (const each of element.querySelectorAll("time")) each.textContent = ago(each.dateTime);
    if (!focused || document.activeElement === focused) return;
    const same = box && wanted.get(madeOf.get(box).key);
    let around = element;
    while (around.parentElement && !controls(around).length) around = around.parentElement;
    ((same && controls(same)[place]) ?? controls(around)[0])?.focus({ preventScroll: true });
}

/** Calls `work` once, `ms` after the last call, unless the page is left: for what follows a person's typing. */
export function later(work, ms, signal) {
    let timer;
    return () => {
        clearTimeout(timer);
        timer = setTimeout(() => signal.aborted || work(), ms);
    };
}

/** What is asked for within `ms` of the first call is done once, at their end. */
export function gathered(work, ms, signal) {
    let timer = null;
    return () => {
        timer ??= setTimeout(() => {
            timer = null;
            if (!signal.aborted) work();
        }, ms);
    };
}

/** One at a time: work(signal, ...) of the last call counts, those before it are given up, with the page or without. */
export function newest(work, page) {
    let current = null;
    return async (...given) => {
        current?.abort();
        const mine = (current = new AbortController());
        await attempt(() => work(AbortSignal.any([mine.signal, page]), ...given));
    };
}

/* ---- parts of pages ---------------------------------------------------------------------------------------------- */

export const button = (text, work, style = "outline-secondary") =>
    h("button", { class: `btn btn-${style}`, type: "button", onclick: work }, text);
export const small = (text, work, style = "outline-secondary") => button(text, work, `sm btn-${style}`);

/** A time as a person says it, exactly in its tooltip. */
export const when = (time, never = "") =>
    time ? h("time", { datetime: time, title: exactly(time) }, ago(time)) : never;

/** A control with its label above it. */
export function labelled(text, control, ...more) {
    control.id ||= id("control");
    return h("div", h("label", { class: "form-label", for: control.id }, text), control, more);
}

/** choices: [[value, text]…]; change(value). */
export const select = (choices, chosen, change, attributes = {}) =>
    h(
        "select",
        { class: "form-select w-auto", ...attributes, onchange: (event) => change(event.target.value, event) },
        choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
    );

const isCell = (each) => each instanceof HTMLTableCellElement;

/** Cells of a row; the first is its heading. A cell made elsewhere (td, th) is taken as it is. */
export const row = (cells) =>
    h(
        "tr",
        cells.map((each, place) => (isCell(each) ? each : place ? h("td", each) : h("th", { scope: "row" }, each))),
    );

/** heads: texts or cells; rows: arrays of cells; `empty` is said when there are none. */
export function table(heads, rows, empty = "") {
    if (!rows.length) return h("p", { class: "text-muted" }, empty);
    return frame(heads, h("tbody", rows.map(row)));
}

/** The same around a body that is filled later. */
export const frame = (heads, body) =>
    h(
        "div",
        { class: "table-responsive", tabindex: "0" }, // so that the arrow keys move what is wider than the screen
        h(
            "table",
            { class: "table align-middle" },
            heads.length
                ? h(
                      "thead",
                      h(
                          "tr",
                          heads.map((each) => (isCell(each) ? each : h("th", { scope: "col" }, each))),
                      ),
                  )
                : null,
            body,
        ),
    );

export const right = (...children) => h("td", { class: "text-end text-nowrap" }, children);

/** A value of any type as text. */
export const text = (value) =>
    h(
        "pre",
        { class: "mb-0" },
        (value ?? null) === null ? "–" : typeof value === "string" ? value : JSON.stringify(value, null, 2),
    );

/** What somebody answers who was asked, and thought better of it. */
export const OFF = Symbol("called off");

/** Does it and says so, or says what was wrong; whether it was done. `work` may answer OFF. */
export async function attempt(work, said) {
    try {
        if ((await work()) === OFF) return false;
        if (said) tell(said);
        return true;
    } catch (error) {
        if (error.name === "AbortError") return false; // the page is left, or something newer is asked for
        tell(error.message || t("error.unreached"), "danger");
        return false;
    }
}

export const noPage = (outlet) => fill(outlet, h("h1", { class: "h4" }, t("error.page")));

/* ---- questions --------------------------------------------------------------------------------------------------- */

// <dialog> keeps the keyboard inside and closes at Escape by itself.

/** Shows it; the answer is what `close(value)` is called with, or null. body(close) makes what stands in it. */
export function dialog(title, body) {
    return new Promise((done) => {
        const heading = id("dialog");
        let answer = null;
        const box = h("dialog", {
            class: "card shadow",
            "aria-labelledby": heading,
            onclose: () => {
                box.remove();
                done(answer);
            },
        });
        const close = (value) => {
            answer = value;
            box.close();
        };
        box.append(h("h2", { class: "h5", id: heading }, title), ...[body(close)].flat(Infinity).filter(is));
        document.body.append(box);
        box.showModal();
        box.querySelector("[autofocus]")?.focus();
    });
}

const answers = (close, yes, danger) =>
    h(
        "div",
        { class: "d-flex gap-2 justify-content-end mt-3" },
        h(
            "button",
            { class: "btn btn-outline-secondary", type: "button", onclick: () => close(null) },
            t("dialog.cancel"),
        ),
        h("button", { class: `btn btn-${danger ? "danger" : "primary"}`, type: "submit" }, yes),
    );

/** true, or null. */
export const confirm = (title, text, yes, danger = true) =>
    dialog(title, (close) =>
        h(
            "form",
            {
                onsubmit: (event) => {
                    event.preventDefault();
                    close(true);
                },
            },
            h("p", { class: "mb-0" }, text),
            answers(close, yes, danger),
        ),
    );

/** Shows a secret this once, to be copied. */
export const once = (title, why, secret) =>
    dialog(title, (close) => [
        h("p", why),
        h("input", {
            class: "form-control font-monospace",
            readonly: true,
            autofocus: true,
            value: secret,
            "aria-label": title,
            onfocus: (event) => event.target.select(),
        }),
        h(
            "div",
            { class: "d-flex gap-2 justify-content-end mt-3" },
            button(t("dialog.copy"), () => attempt(() => navigator.clipboard.writeText(secret), t("account.copied"))),
            button(t("dialog.close"), () => close(null), "primary"),
        ),
    ]);

/** Puts these choices into a select; what was chosen stays, also when it is none of them. */
export function offer(control, choices) {
    const chosen = control.value;
    const all = choices.some(([value]) => value === chosen) ? choices : [...choices, [chosen, chosen]];
    fill(
        control,
        all.map(([value, said]) => h("option", { value }, said)),
    );
    control.value = chosen;
}

/** Suggestions for an input, which may come later. */
function suggestions(control, suggest) {
    const list = h("datalist", { id: id("suggest") });
    control.setAttribute("list", list.id);
    Promise.resolve(suggest).then((all) =>
        fill(
            list,
            all.map((value) => h("option", { value })),
        ),
    );
    return list;
}

function several(field, own) {
    const chosen = new Set(field.value ?? []);
    return h(
        "div",
        {
            class: "rows several",
            role: "group",
            tabindex: "-1",
            "aria-labelledby": `${own}-label`,
            "aria-describedby": `${own}-error`,
        },
        field.several.map(([value, said]) => {
            const box = id("ask");
            return h(
                "div",
                { class: "form-check" },
                h("input", { class: "form-check-input", type: "checkbox", id: box, value, checked: chosen.has(value) }),
                h("label", { class: "form-check-label", for: box }, said),
            );
        }),
    );
}

/** A field of askFor: {name, control, row, get, wrong(text)}. */
function asked(field, first) {
    const own = id("ask"),
        ticked = field.type === "checkbox",
        many = Boolean(field.several);
    const error = h("div", { class: "invalid-feedback", id: `${own}-error` });
    const about = { id: own, autofocus: first, "aria-describedby": error.id };
    const control = many
        ? several(field, own)
        : field.choices
          ? h(
                "select",
                { class: "form-select", ...about },
                field.choices.map(([value, said]) => h("option", { value }, said)),
            )
          : h("input", {
                class: ticked ? "form-check-input" : "form-control",
                type: field.type || "text",
                required: field.required !== false && !ticked,
                autocomplete: field.autocomplete || "off",
                spellcheck: "false",
                inputmode: field.inputmode,
                min: field.min,
                max: field.max,
                ...about,
            });
    if (field.value !== undefined && !many) control[ticked ? "checked" : "value"] = field.value;
    const name = many
        ? h("span", { class: "form-label d-block", id: `${own}-label` }, field.label)
        : h("label", { class: ticked ? "form-check-label" : "form-label", for: own }, field.label);
    const help = field.help ? h("div", { class: "form-text text-muted" }, field.help) : null;
    return {
        name: field.name,
        control,
        row: h(
            "div",
            { class: ticked ? "form-check mb-2" : "mb-2" },
            ticked ? [control, name] : [name, control],
            field.suggest ? suggestions(control, field.suggest) : null,
            error,
            help,
        ),
        get: () => {
            if (many) return [...control.querySelectorAll(":checked")].map((each) => each.value);
            return ticked ? control.checked : control.value;
        },
        wrong: (text) => {
            control.classList.toggle("is-invalid", Boolean(text));
            error.textContent = text;
        },
    };
}

/** Each error at its field; the first of them is brought into view. */
function showWrong(fields, errors) {
    for (const each of fields) {
        const own = errors.filter(({ field }) => field.split(/[.[]/)[0] === each.name);
        each.wrong(own.map(({ message }) => message).join("; "));
    }
    fields.find(({ control }) => control.classList.contains("is-invalid"))?.control.focus();
}

/** fields: [{name, label, type, value, choices, required, help, suggest: texts or a promise of them, several: choices of which any may be
 * ticked}]; what send(values) answers, else the values by name; null when it was called off. An error of send() is shown, also at the
 * fields that it names, and asked again, as is OFF. watch(fields by name) is called at first and whenever something was changed. */
export function askFor(title, fields, yes, send, { text = null, danger = false, watch = null } = {}) {
    return dialog(title, (close) => {
        const error = h("div", { class: "alert alert-danger py-2", role: "alert", hidden: true });
        const all = fields.map((field, place) => asked(field, !place));
        const submit = async (event) => {
            event.preventDefault();
            const go = event.target.querySelector("[type=submit]");
            const values = Object.fromEntries(all.map((each) => [each.name, each.get()]));
            go.disabled = true;
            try {
                const answer = await send(values);
                if (answer !== OFF) close(answer ?? values);
            } catch (wrong) {
                error.textContent = wrong.message || t("error.unreached");
                error.hidden = false;
                showWrong(all, wrong.fields ?? []);
            }
            go.disabled = false;
        };
        const look = watch && (() => watch(Object.fromEntries(all.map((each) => [each.name, each]))));
        look?.();
        return h(
            "form",
            { onsubmit: submit, onchange: () => look?.() },
            text ? h("p", {}, text) : null,
            error,
            all.map(({ row }) => row),
            answers(close, yes, danger),
        );
    });
}

let shelf = null;

/** Says for a while what was done. */
export function tell(text, kind = "success") {
    shelf ??= document.body.appendChild(h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
    const note = shelf.appendChild(h("div", { class: `alert alert-${kind} shadow-sm mb-2` }, text));
    setTimeout(() => note.remove(), kind === "danger" ? 10000 : 4000);
}
