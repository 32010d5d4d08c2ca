// The form of a budget: what counts, how much, and what happens then. Names that are known are offered, others may be typed.
import { address, get, post, put, session } from "./api.js";
import { askFor, offer, t } from "./ui.js";
import { report } from "./usage.js";

const PERIODS = ["day", "week", "month", "total"];
const ACTIONS = ["none", "stop", "switch"];
const USUAL_LEVELS = [50, 80, 100];
const MEMBERS = 500,
    NAMES = 200; // that are offered

/** What the calls of the last 30 days have in common, by what they cost. */
const seen = (group, signal) =>
    report({ group, order: "cost", limit: NAMES }, signal).then(
        ({ rows }) => rows.map((each) => each[group]).filter(Boolean),
        () => [], // it is only offered
    );

/** The members, and who is chosen and is none any more, whom the API tells by his id. */
async function peopleOf(budget, signal) {
    const { members } = await get(address(["workspaces", session.workspace.slug, "members"], { limit: MEMBERS }), {
        signal,
    });
    const names = members.map(({ username }) => username);
    const gone = (budget.users ?? []).filter((each) => !names.includes(each));
    return [
        ...members.map(({ username, display_name: name }) => [username, name ? `${name} (${username})` : username]),
        ...gone.map((each) => [each, `${each} ${t("usage.gone")}`]),
    ];
}

/** platform → the names of its profiles to which one can switch. */
function usableProfiles(signal) {
    const known = new Map();
    const ask = async (platform) => {
        const { items } = await get(address(["resources", platform, "profile"], { limit: NAMES }), { signal });
        return items.filter(({ enabled }) => enabled).map(({ name }) => name);
    };
    return (platform) => {
        if (!known.has(platform))
            known.set(
                platform,
                ask(platform).catch(() => []),
            );
        return known.get(platform);
    };
}

const levelsOf = (text) =>
    text
        .split(/[\s,;，、；%]+/)
        .filter(Boolean)
        .map((each) => (/^\d+$/.test(each) ? Number(each) : each)); // what is no number is the API's to refuse

const orNull = (text) => text.trim() || null;

const bodyOf = (values) => ({
    name: values.name,
    enabled: values.enabled,
    period: values.period,
    starts: values.period === "total" ? orNull(values.starts) : null,
    amount: values.amount.trim(),
    levels: levelsOf(values.levels),
    action: values.action,
    switch_to: values.action === "switch" ? orNull(values.switch_to) : null,
    users: values.users,
    platform: orNull(values.platform),
    provider: orNull(values.provider),
    profile: orNull(values.profile),
    model: orNull(values.model),
    project: orNull(values.project),
});

function fieldsOf(budget, people, signal) {
    const filter = (name) => ({
        name,
        label: t(`usage.by_${name}`),
        value: budget[name] ?? "",
        required: false,
        suggest: seen(name, signal),
    });
    return [
        { name: "name", label: t("form.name"), value: budget.name ?? "" },
        {
            name: "period",
            label: t("usage.period"),
            value: budget.period ?? "month",
            choices: PERIODS.map((each) => [each, t(`budget.period_${each}`)]),
        },
        { name: "starts", label: t("budget.starts"), type: "date", value: budget.starts ?? "", required: false },
        { name: "amount", label: t("budget.amount"), value: budget.amount ?? "", inputmode: "decimal" },
        {
            name: "levels",
            label: t("budget.levels"),
            value: (budget.levels ?? USUAL_LEVELS).join(", "),
            required: false,
            help: t("budget.levels_are"),
        },
        {
            name: "action",
            label: t("budget.action"),
            value: budget.action ?? "none",
            choices: ACTIONS.map((each) => [each, t(`budget.action_${each}`)]),
        },
        {
            name: "switch_to",
            label: t("budget.switch_to"),
            choices: [["", t("form.choose")], ...(budget.switch_to ? [[budget.switch_to, budget.switch_to]] : [])],
            value: budget.switch_to ?? "",
            help: t("budget.switch_needs"),
        },
        { name: "users", label: t("budget.users"), several: people, value: budget.users, help: t("budget.users_none") },
        {
            name: "platform",
            label: t("usage.by_platform"),
            value: budget.platform ?? "",
            choices: [["", t("list.all")], ...session.platforms.map((each) => [each, each])],
        },
        filter("provider"),
        filter("profile"),
        filter("model"),
        filter("project"),
        { name: "enabled", label: t("list.on"), type: "checkbox", value: budget.enabled ?? true },
    ];
}

/** Asks for a budget and writes it: `known`, or a new one where that is null. What was written, or null. */
export async function askBudget(known, signal) {
    const budget = known ?? {};
    const people = await peopleOf(budget, signal),
        profiles = usableProfiles(signal);
    const send = (values) =>
        known
            ? put(address(["usage", "budgets", known.id]), bodyOf(values), { etag: `"${known.revision}"` })
            : post(address(["usage", "budgets"]), bodyOf(values));
    const watch = async ({ period, starts, action, switch_to: to, platform }) => {
        starts.row.hidden = period.get() !== "total";
        to.row.hidden = action.get() !== "switch";
        const of = platform.get();
        const names = to.row.hidden || !of ? [] : await profiles(of);
        if (of !== platform.get()) return; // chosen anew meanwhile
        offer(to.control, [["", t("form.choose")], ...names.map((each) => [each, each])]);
    };
    return askFor(
        known ? t("budget.change_title", { name: known.name }) : t("budget.new"),
        fieldsOf(budget, people, signal),
        t("item.save"),
        send,
        { watch },
    );
}
