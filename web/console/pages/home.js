// Home: what everybody comes for. Per platform the current profile with a switch, then what changed lately.
import { get, post } from "../lib/api.js";
import { attempt, fill, h, labelled, select, table, when } from "../lib/ui.js";
import { link } from "../lib/router.js";
import { t } from "../lib/text.js";

function card({ platform, current: pointed, total, profiles }, again) {
    const current = profiles.find((each) => each.name === pointed);
    const usable = profiles.filter((each) => each.enabled || each === current).map((each) => [each.name, each.name]);
    const change = async (name, event) => {
        event.target.disabled = true;
        await attempt(
            () => post(`/switch?platform=${platform}`, { config_name: name }),
            t("home.switched", { platform, name }),
        );
        await again();
    };
    const choice = select(current ? usable : [["", t("home.none")], ...usable], current?.name ?? "", change, {
        class: "form-select",
    });
    const body = profiles.length
        ? labelled(t("home.current"), choice)
        : h("p", { class: "text-muted mb-2" }, t("home.no_profiles"));
    const all = h(
        "a",
        { class: "d-inline-block mt-2", href: link("resources", platform, "profile") },
        t("home.profiles", { count: total }),
    );
    return h(
        "div",
        { class: "col-12 col-md-6 col-xl-4" },
        h(
            "section",
            { class: "card h-100" },
            h("div", { class: "card-body" }, h("h2", { class: "h6" }, platform), body, all),
        ),
    );
}

export async function show(outlet, { signal }) {
    const cards = h("div", { class: "row g-3" }),
        changes = h("div"),
        invitations = h(
            "a",
            { class: "alert alert-info d-block py-2", href: link("account"), hidden: true },
            t("home.invitations"),
        );
    async function load() {
        const home = await get("/home", { signal });
        fill(
            cards,
            home.platforms.map((each) => card(each, load)),
        );
        invitations.hidden = !home.invitations;
        const rows = home.changes.map((each) => [
            when(each.time),
            each.actor,
            each.action,
            each.platform,
            each.target ?? "",
        ]);
        fill(
            changes,
            table(
                [t("list.changed"), t("revisions.actor"), t("revisions.operation"), t("nav.platform"), t("form.name")],
                rows,
                t("home.nothing"),
            ),
        );
    }
    fill(
        outlet,
        h("h1", { class: "h4" }, t("nav.home")),
        invitations,
        cards,
        h("h2", { class: "h5 mt-4" }, t("home.lately")),
        changes,
    );
    await load();
}
