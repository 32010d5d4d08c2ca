// Which page an address shows. Links stay links: they can be opened in a new tab, copied, and gone back to.
export const BASE = "/console";

let routes = [];
let guard = null; // asks whether the page may be left; null = it may
let ending = new AbortController();
let shown = "";

/** rows: [pattern, page]; ":name" in a pattern is a part of the address. A page is a function (place) → a module's `show`. */
export function setRoutes(rows) {
    routes = rows.map(([pattern, page]) => [pattern.split("/").filter(Boolean), page]);
}

/** As long as `ask` answers false, links and the back button do not leave the page. */
export function guardWith(ask) {
    guard = ask;
}

/** Asks, where something on the page would be lost: whether it may be left. */
export const mayLeave = async () => !guard || Boolean(await guard());

export const link = (...parts) => BASE + parts.map((part) => `/${encodeURIComponent(part)}`).join("");

function match(pattern, parts) {
    if (pattern.length !== parts.length) return null;
    const values = {};
    for (let i = 0; i < pattern.length; i++) {
        if (pattern[i].startsWith(":")) values[pattern[i].slice(1)] = parts[i];
        else if (pattern[i] !== parts[i]) return null;
    }
    return values;
}

/** The page of the present address, in `outlet`. What the page before was waiting for is given up. */
export async function show(outlet, otherwise) {
    ending.abort();
    ending = new AbortController();
    guard = null;
    shown = location.href;
    const parts = location.pathname.slice(BASE.length).split("/").filter(Boolean).map(decodeURIComponent);
    const query = new URLSearchParams(location.search);
    for (const [pattern, page] of routes) {
        const values = match(pattern, parts);
        if (values) return page(outlet, { ...values, query, signal: ending.signal });
    }
    return otherwise(outlet);
}

export async function go(address, { replace = false } = {}) {
    if (!(await mayLeave())) return;
    guard = null;
    history[replace ? "replaceState" : "pushState"](null, "", address);
    scrollTo(0, 0); /* going back is left to the browser */
    dispatchEvent(new Event("ccr:page"));
}

/** Puts what a list is narrowed down by into the address, without a new entry in the history. */
export function keepQuery(query) {
    const set = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    history.replaceState(null, "", location.pathname + (set.length ? `?${new URLSearchParams(set)}` : ""));
    shown = location.href;
}

addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    if (
        !anchor ||
        event.defaultPrevented ||
        event.button ||
        event.metaKey ||
        event.ctrlKey ||
        event.shiftKey ||
        anchor.target ||
        anchor.hasAttribute("download")
    )
        return;
    const to = new URL(anchor.href);
    if (to.origin !== location.origin || (!to.pathname.startsWith(`${BASE}/`) && to.pathname !== BASE)) return;
    if (to.hash && to.pathname === location.pathname && to.search === location.search) return; // a place on this page
    event.preventDefault();
    go(to.pathname + to.search);
});

addEventListener("popstate", async () => {
    if (!location.pathname.startsWith(`${BASE}/`)) return;
    const wanted = location.href;
    if (guard) {
        history.pushState(null, "", shown);
        if (!(await mayLeave())) return;
        guard = null;
        history.replaceState(null, "", wanted);
    }
    dispatchEvent(new Event("ccr:page"));
});

addEventListener("beforeunload", (event) => {
    if (guard?.unsaved?.()) event.preventDefault();
});
