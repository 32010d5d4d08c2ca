// The console's frame: who is logged in, where he works, what there is, and the page beside it.
import { actIn, ask, events, keepListening, logInWith, post, session } from "./lib/api.js";
import { askFor, attempt, fill, h, isDark, label, language, t, tell, useLanguage, useTheme } from "./lib/ui.js";
import { BASE, link, mayLeave, setRoutes, show } from "./lib/router.js";

const page = (name, before) => async (outlet, place) => {
    const [module] = await Promise.all([import(`./pages/${name}.js`), before?.(place.signal)]);
    place.signal.throwIfAborted();
    return module.show(outlet, place);
};

/** A page with amounts: what they are shown in is known before it. */
const pageOfMoney = (name) => page(name, async (signal) => (await import("./lib/usage.js")).readCurrency(signal));

setRoutes([
    ["/", page("home")],
    ["/resources/:platform/:kind", page("list")],
    ["/resources/:platform/:kind/new", page("item")],
    ["/resources/:platform/:kind/item/:name", page("item")],
    ["/resources/:platform/:kind/revisions/:name", page("revisions")],
    ["/workspace", page("workspace")],
    ["/account", page("account")],
    ["/transfer", page("transfer")],
    ["/usage", pageOfMoney("usage")],
    ["/usage/budgets", pageOfMoney("usage_budgets")],
    ["/usage/sources", pageOfMoney("usage_sources")],
    ["/usage/prices", pageOfMoney("usage_prices")],
    ["/usage/sessions", pageOfMoney("usage_sessions")],
    ["/usage/sessions/:id", pageOfMoney("usage_session")],
    ["/site", page("site")],
    ["/reference", page("reference")],
]);

const outlet = h("main", { id: "page", class: "container-fluid py-3", tabindex: "-1" });
const banner = h("div", { class: "alert alert-warning rounded-0 mb-0 py-2", role: "status", hidden: true });
const navigation = h("nav", { class: "sidebar" });
let ccrUi = false; // whether that is installed, too

function toLogin() {
    location.assign(`/login?next=${location.pathname}${location.search}`);
}

async function logOut() {
    if (!(await mayLeave())) return;
    if (await attempt(() => post("/auth/logout", {}, { quiet: true }))) location.replace("/login");
}

async function changeWorkspace(slug, event) {
    const switched = async () => {
        await post(`/workspaces/${encodeURIComponent(slug)}/switch`, {});
        location.replace(link());
    };
    if (!(await mayLeave()) || !(await attempt(switched))) event.target.value = session.workspace.slug;
}

/** Whose session is over types his password, and goes on. */
async function logInHere() {
    const username = session.user.username;
    const password = {
        name: "password",
        label: t("login.password"),
        type: "password",
        autocomplete: "current-password",
    };
    const send = (values) =>
        ask("POST", "/auth/login", { body: { username, ...values }, quiet: true }).then(() => true);
    return (await askFor(t("login.title"), [password], t("login.title"), send, { text: t("login.over") })) === true;
}

const option = (value, text, selected) => h("option", { value, selected }, text);

function header() {
    const dark = isDark();
    return h(
        "header",
        { class: "topbar" },
        h(
            "button",
            {
                class: "btn btn-sm d-md-none",
                type: "button",
                "aria-label": t("nav.menu"),
                "aria-expanded": "false",
                onclick: (event) => {
                    const open = navigation.classList.toggle("open");
                    event.currentTarget.setAttribute("aria-expanded", open);
                },
            },
            "☰",
        ),
        h("a", { class: "brand", href: link() }, "CCR"),
        h(
            "select",
            {
                class: "form-select form-select-sm w-auto",
                "aria-label": t("nav.workspace"),
                onchange: (event) => changeWorkspace(event.target.value, event),
            },
            session.workspaces.map((each) => option(each.slug, each.name, each.slug === session.workspace.slug)),
        ),
        h("span", { class: "flex-grow-1" }),
        h(
            "button",
            {
                class: "btn btn-sm",
                type: "button",
                "aria-label": t(dark ? "nav.light" : "nav.dark"),
                onclick: () => {
                    useTheme(dark ? "light" : "dark");
                    draw();
                },
            },
            dark ? "☀" : "☾",
        ),
        h(
            "select",
            {
                class: "form-select form-select-sm w-auto",
                "aria-label": t("nav.language"),
                onchange: async (event) => {
                    if (!(await mayLeave())) return void (event.target.value = language());
                    await useLanguage(event.target.value);
                    draw();
                    await turn();
                },
            },
            option("en", "English", language() === "en"),
            option("zh", "中文", language() === "zh"),
        ),
        h("a", { class: "btn btn-sm", href: link("account") }, session.user.display_name || session.user.username),
        h("button", { class: "btn btn-sm", type: "button", onclick: logOut }, t("nav.logout")),
    );
}

const entry = (to, text) =>
    h("li", h("a", { class: "nav-entry", href: to, "aria-current": location.pathname === to ? "page" : null }, text));

const kindEntries = () =>
    session
        .kindsOf(session.platform)
        .map((kind) => entry(link("resources", session.platform, kind.name), label(kind.label)));

function sidebar() {
    const kinds = h("ul", kindEntries());
    return [
        h("ul", entry(link(), t("nav.home"))),
        h("label", { class: "nav-title", for: "platform" }, t("nav.platform")),
        h(
            "select",
            {
                id: "platform",
                class: "form-select form-select-sm mb-2",
                onchange: (event) => {
                    session.usePlatform(event.target.value);
                    fill(kinds, kindEntries());
                },
            },
            session.platforms.map((each) => option(each, each, each === session.platform)),
        ),
        kinds,
        h(
            "ul",
            entry(link("usage"), t("nav.usage")),
            entry(link("transfer"), t("nav.transfer")),
            entry(link("workspace"), t("nav.workspace")),
            entry(link("account"), t("nav.account")),
            session.user.site_role === "admin" ? entry(link("site"), t("nav.site")) : null,
            entry(link("reference"), t("nav.reference")),
            ccrUi ? entry("/", "CCR UI") : null,
        ),
    ];
}

/** Everything around the page; before it is known who is there, only what says so. */
function draw() {
    const known = session.user !== null;
    navigation.setAttribute("aria-label", t("nav.label"));
    fill(navigation, known ? sidebar() : null);
    fill(
        document.getElementById("app"),
        h("a", { class: "visually-hidden-focusable", href: "#page" }, t("nav.skip")),
        known ? header() : null,
        banner,
        known && session.user.password_given
            ? h(
                  "a",
                  { class: "alert alert-warning rounded-0 d-block mb-0 py-2", href: link("account") },
                  t("login.given"),
              )
            : null,
        h("div", { class: "frame" }, known ? navigation : null, outlet),
    );
}

function failed(error, again) {
    fill(
        outlet,
        h("div", { class: "alert alert-danger", role: "alert" }, error.message || t("error.unreached")),
        h("button", { class: "btn btn-primary", type: "button", onclick: again }, t("error.again")),
    );
}

async function turn() {
    navigation.classList.remove("open");
    fill(navigation, sidebar());
    try {
        await show(outlet, () =>
            fill(outlet, h("h1", { class: "h4" }, t("error.page")), h("a", { href: link() }, t("nav.home"))),
        );
        document.title = `${outlet.querySelector("h1")?.textContent || "CCR"} · CCR`;
    } catch (error) {
        if (error.name !== "AbortError" && error.status !== 401) failed(error, turn);
    }
}

events.addEventListener("login", toLogin);
events.addEventListener("lost", () => {
    banner.textContent = t("error.lost");
    banner.hidden = false;
});
events.addEventListener("found", () => {
    banner.hidden = true;
    tell(t("error.found"));
});
addEventListener("ccr:page", async () => {
    await turn();
    outlet.focus({ preventScroll: true });
});

// Back after logging out: what the browser kept of the page is not shown again.
addEventListener("pageshow", (event) => event.persisted && location.reload());
logInWith(logInHere);

/** Where CCR UI is installed / is a page of its; else it leads to the console. */
const hasCcrUi = () =>
    fetch("/", { method: "HEAD", redirect: "manual" }).then(
        (answer) => answer.ok,
        () => false,
    );

async function begin() {
    draw();
    fill(outlet);
    try {
        [ccrUi] = await Promise.all([hasCcrUi(), session.load()]);
    } catch (error) {
        if (error.status !== 401) failed(error, begin);
        return;
    }
    actIn(session.workspace.slug);
    draw();
    keepListening();
    await turn();
}
// One HTML file is the console's and the login's.
if (location.pathname.startsWith(`${BASE}/`)) await begin();
else await import("./login.js");
