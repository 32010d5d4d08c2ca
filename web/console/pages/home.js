// Home: what everybody comes for. Per platform the current profile with a switch, then what changed lately.
import { post, session } from "../lib/api.js";
import { actionText, attempt, fill, h, labelled, select, t, table, when } from "../lib/ui.js";
import { link } from "../lib/router.js";

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

const NOBODYS = "default"; // what is current where nobody has chosen

/** What somebody should do something about. */
function attentionOf({ invitations, platforms }) {
    const note = (to, text) => h("a", { class: "alert alert-info d-block py-2", href: to }, text);
    return [
        invitations ? note(link("account"), t("home.invitations")) : null,
        platforms.map(({ platform, current, total, profiles }) => {
            const to = link("resources", platform, "profile");
            const own = profiles.find((each) => each.name === current);
            if (own) return own.enabled ? null : note(to, t("home.off", { platform, name: current }));
            const gone = current !== NOBODYS && total === profiles.length;
            return gone ? note(to, t("home.gone", { platform, name: current })) : null;
        }),
    ];
}

export async function show(outlet, { signal }) {
    const cards = h("div", { class: "row g-3" }),
        changes = h("div"),
        attention = h("div");
    async function load() {
        const home = await session.home(signal);
        fill(
            cards,
            home.platforms.map((each) => card(each, load)),
        );
        fill(attention, attentionOf(home));
        const rows = home.changes.map((each) => [
            when(each.time),
            each.actor,
            actionText(each.action, session.kinds),
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
        attention,
        cards,
        h("h2", { class: "h5 mt-4" }, t("home.lately")),
        changes,
    );
    await load();
}
