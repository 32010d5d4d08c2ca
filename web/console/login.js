// The way in. What the server says is shown; when it asks to wait, how long is counted down.
import { address, ask } from "./lib/api.js";
import { exactly, fill, h, id, language, t, useLanguage } from "./lib/ui.js";

const main = h("main", { class: "login" });
fill(document.getElementById("app"), main);

/** Of #invitation=, which no server is told of by a browser. */
const link = new URLSearchParams(location.hash.slice(1)).get("invitation");

/** Where to go afterwards: an address of our own, nothing else. Nginx writes it behind next= as it was asked for, to its end. */
function next() {
    const wanted = /^\?next=(\/.*)/.exec(location.search)?.[1] ?? "/";
    try {
        const to = new URL(wanted + (link ? "" : location.hash), location.origin);
        return to.origin === location.origin ? to.href : location.origin;
    } catch {
        return location.origin;
    }
}

function field(text, attributes) {
    const own = id("login");
    const input = h("input", { class: "form-control", id: own, required: true, ...attributes });
    return [input, h("div", { class: "mb-3" }, h("label", { class: "form-label", for: own }, text), input)];
}

const error = h("div", { class: "alert alert-danger py-2", role: "alert", hidden: true });

function say(text) {
    error.textContent = text;
    error.hidden = !text;
}

/** Counts down, and lets nobody send meanwhile. */
async function wait(seconds, button) {
    button.disabled = true;
    for (let left = seconds; left > 0; left--) {
        say(t("login.wait", { seconds: left }));
        await new Promise((done) => setTimeout(done, 1000));
    }
    say("");
    button.disabled = false;
}

const languageChoice = () =>
    h(
        "div",
        { class: "mt-4 text-end" },
        h(
            "select",
            {
                class: "form-select form-select-sm w-auto d-inline-block",
                "aria-label": t("nav.language"),
                onchange: async (event) => {
                    await useLanguage(event.target.value);
                    redraw();
                },
            },
            h("option", { value: "en", selected: language() === "en" }, "English"),
            h("option", { value: "zh", selected: language() === "zh" }, "中文"),
        ),
    );

/** A form of fields and a button; send() does it, and what it refuses is shown. */
function form(title, text, rows, send) {
    const button = h("button", { class: "btn btn-primary w-100", type: "submit" }, title);
    const submit = async (event) => {
        event.preventDefault();
        say("");
        button.disabled = true;
        try {
            await send();
        } catch (wrong) {
            if (wrong.status === 429 && wrong.retryAfter) return void (await wait(wrong.retryAfter, button));
            say(wrong.fields?.map((each) => each.message).join("; ") || wrong.message || t("error.unreached"));
        }
        button.disabled = false;
    };
    document.title = `${title} · CCR`;
    say("");
    fill(
        main,
        h("h1", { class: "h4 mb-3" }, title),
        text ? h("p", {}, text) : null,
        error,
        h("form", { onsubmit: submit }, rows, button),
        languageChoice(),
    );
    (main.querySelector("input") ?? button).focus();
}

/* ---- an invitation ----------------------------------------------------------------------------------------------- */

const invitation = { shown: null };

/** Becomes a member, acts there from now on, and goes on. */
async function takeInvitation() {
    const { data } = await ask("POST", "/invitations/take", { body: { link }, quiet: true });
    await ask("POST", address(["workspaces", data.slug, "switch"]), { body: {}, quiet: true });
    location.assign("/console/");
}

const invitationText = () =>
    invitation.shown &&
    t("login.invited", {
        by: invitation.shown.invited_by,
        workspace: invitation.shown.workspace,
        role: t(`role.${invitation.shown.role}`),
        until: exactly(invitation.shown.expires_at),
    });

/** Who is logged in already says yes. */
async function drawAccept() {
    const { data } = await ask("GET", "/auth/me", { quiet: true });
    form(t("login.accept"), [invitationText(), " ", t("login.accept_as", { name: data.username })], [], takeInvitation);
    redraw = drawAccept;
}

function drawJoin() {
    const [user, userRow] = field(t("login.user"), {
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
    });
    const [own, ownRow] = field(t("account.new_password"), {
        type: "password",
        autocomplete: "new-password",
        minlength: 10,
    });
    const [again, againRow] = field(t("login.again"), { type: "password", autocomplete: "new-password" });
    form(t("login.join"), invitationText(), [userRow, ownRow, againRow], async () => {
        if (own.value !== again.value) throw new Error(t("login.differ"));
        const username = user.value.trim();
        await ask("POST", "/invitations/join", { body: { link, username, password: own.value }, quiet: true });
        await logIn(username, own.value, false);
        location.assign("/console/");
    });
    addWay(t("login.have_account"), draw);
    redraw = drawJoin;
}

/** Another form instead of this one. */
const addWay = (text, go) =>
    main
        .querySelector("form")
        .after(
            h("p", { class: "mt-3" }, h("button", { class: "btn btn-link p-0", type: "button", onclick: go }, text)),
        );

const logIn = (username, password, remember) =>
    ask("POST", "/auth/login", { body: { username, password, remember }, quiet: true });

/** A password that somebody else chose is replaced before anything else. */
function drawOwn(given) {
    const [own, ownRow] = field(t("account.new_password"), {
        type: "password",
        autocomplete: "new-password",
        minlength: 10,
    });
    const [again, againRow] = field(t("login.again"), { type: "password", autocomplete: "new-password" });
    form(t("login.own"), t("login.own_text"), [ownRow, againRow], async () => {
        if (own.value !== again.value) throw new Error(t("login.differ"));
        await ask("POST", "/auth/password", {
            body: { current_password: given, new_password: own.value },
            quiet: true,
        });
        await goOn();
    });
    redraw = () => drawOwn(given);
}

const goOn = () => (invitation.shown ? takeInvitation() : location.assign(next()));

function draw() {
    const [user, userRow] = field(t("login.user"), {
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
    });
    const [password, passwordRow] = field(t("login.password"), { type: "password", autocomplete: "current-password" });
    const own = id("stay"),
        stay = h("input", { class: "form-check-input", type: "checkbox", id: own });
    const stayRow = h(
        "div",
        { class: "form-check mb-3" },
        stay,
        h("label", { class: "form-check-label", for: own }, t("login.stay")),
    );
    form(t("login.title"), invitationText(), [userRow, passwordRow, stayRow], async () => {
        const { data } = await logIn(user.value.trim(), password.value, stay.checked);
        if (data.user.password_given) drawOwn(password.value);
        else await goOn();
    });
    if (invitation.shown?.accounts) addWay(t("login.join"), drawJoin);
    redraw = draw;
}

/** A link on another site comes without cookies, which are for requests from here: who is logged in all the same goes on. */
async function begin() {
    const out = location.pathname === "/logout";
    if (out) {
        await ask("POST", "/auth/logout", { body: {}, quiet: true });
        history.replaceState(null, "", "/login");
    }
    const answer = out ? null : await fetch("/api/auth/session").catch(() => null);
    const loggedIn = answer?.status === 204;
    if (link) {
        const found = await ask("POST", "/invitations/look", { body: { link }, quiet: true });
        invitation.shown = found.data;
        if (loggedIn) return drawAccept();
        if (invitation.shown.accounts) return drawJoin();
    } else if (loggedIn) return location.replace(next());
    draw();
}

addEventListener("hashchange", () => location.reload()); // another invitation

let redraw = draw;
begin().catch((wrong) => {
    draw();
    say(wrong.message || t("error.unreached"));
});
