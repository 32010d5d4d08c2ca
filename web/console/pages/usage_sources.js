// Sources of usage: who has calls from which machine, on which days, by what they are told; and how a CLI is set up to report.
import { count, fill, h, t, table } from "../lib/ui.js";
import { link } from "../lib/router.js";
import { marks } from "../lib/chart.js";
import {
    dateIn,
    datesFrom,
    dayText,
    daysBetween,
    head,
    knownZone,
    named,
    number,
    numberHead,
    wholeReport,
} from "../lib/usage.js";

const SILENT_DAYS = 3; // without a call, until it is said

const whose = (each) => JSON.stringify([each.user, each.machine]);

/** key → what `of` gives of its rows. */
function gather(rows, of) {
    const found = new Map();
    for (const each of rows) found.set(whose(each), (found.get(whose(each)) ?? new Set()).add(of(each)));
    return found;
}

/** The last 30 days of everybody's machines. */
async function load(shown, signal) {
    const [daily, bySource, byPlatform] = await Promise.all(
        ["day", "source", "platform"].map((group) => wholeReport({ group: `user,machine,${group}` }, signal)),
    );
    const zone = knownZone(daily.zone);
    const today = dateIn(zone, new Date(new Date(daily.period.to) - 1)),
        first = dateIn(zone, new Date(daily.period.from));
    const dates = datesFrom(first, daysBetween(first, today));
    const days = gather(daily.rows, (each) => each.day),
        sources = gather(bySource.rows, (each) => each.source),
        platforms = gather(byPlatform.rows, (each) => each.platform);
    const calls = new Map();
    for (const each of daily.rows) calls.set(whose(each), (calls.get(whose(each)) ?? 0) + each.calls);

    const line = (key) => {
        const [user, machine] = JSON.parse(key);
        const there = days.get(key);
        const latest = [...there].sort().at(-1);
        const silent = daysBetween(latest, today) - 1;
        const strip = dates.map((date) => ({
            there: there.has(date),
            title: `${dayText(date)}: ${t(there.has(date) ? "usage.day_with" : "usage.day_without")}`,
        }));
        return [
            h("th", { scope: "row" }, named(user)),
            h("td", { class: "text-break" }, named(machine)),
            [...platforms.get(key)].join(", "),
            [...sources.get(key)].join(", "),
            number(calls.get(key)),
            h(
                "td",
                dayText(latest),
                " ",
                silent >= SILENT_DAYS
                    ? h("span", { class: "badge text-bg-warning" }, t("usage.silent", { days: count(silent) }))
                    : null,
            ),
            h("td", marks(t("usage.days_with", { days: there.size, all: dates.length }), strip)),
        ];
    };
    const heads = [
        t("usage.by_user"),
        t("usage.by_machine"),
        t("usage.by_platform"),
        t("usage.told_by"),
        numberHead(t("usage.calls")),
        t("usage.last_calls"),
        t("usage.days_marked"),
    ];
    fill(shown, table(heads, [...days.keys()].map(line), t("usage.none_reported")));
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

const TOKEN = "ccr_…";

/** What each CLI wants where, so that it sends its events here: [name, file, lines]. */
const SETUPS = (site) => [
    [
        "Claude Code",
        "~/.claude/settings.json",
        JSON.stringify(
            {
                env: {
                    CLAUDE_CODE_ENABLE_TELEMETRY: "1",
                    OTEL_LOGS_EXPORTER: "otlp",
                    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
                    OTEL_EXPORTER_OTLP_ENDPOINT: site,
                    OTEL_EXPORTER_OTLP_HEADERS: `Authorization=Bearer ${TOKEN}`,
                },
            },
            null,
            2,
        ),
    ],
    [
        "Codex",
        "~/.codex/config.toml",
        `[otel]\nexporter = { otlp-http = { endpoint = "${site}/v1/logs", protocol = "json",` +
            ` headers = { "Authorization" = "Bearer ${TOKEN}" } } }`,
    ],
    ...[
        ["Gemini CLI", "gemini"],
        ["Qwen Code", "qwen"],
    ].map(([name, folder]) => [
        name,
        `~/.${folder}/settings.json`,
        `${JSON.stringify(
            {
                telemetry: {
                    enabled: true,
                    target: "local",
                    otlpEndpoint: site,
                    otlpProtocol: "http",
                    logPrompts: false,
                },
            },
            null,
            2,
        )}\n\nexport OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer ${TOKEN}"`,
    ]),
    [
        "curl",
        t("usage.setup_log"),
        `curl -H "Authorization: Bearer ${TOKEN}" --data-binary @rollout.jsonl \\\n` +
            `  "${site}/api/usage/import?platform=codex&machine=$(hostname)&file=rollout.jsonl"`,
    ],
];

const setup = () => [
    h("h2", { class: "h5 mt-4" }, t("usage.setup")),
    h("p", t("usage.setup_text")),
    h("p", h("a", { class: "btn btn-sm btn-primary", href: link("account") }, t("account.new_token"))),
    SETUPS(location.origin).map(([name, where, lines]) =>
        h(
            "details",
            { class: "mb-2" },
            h("summary", name),
            h("p", { class: "text-muted mb-1" }, where),
            h("pre", h("code", lines)),
        ),
    ),
];

export async function show(outlet, { signal }) {
    const shown = h("div");
    head(outlet);
    await load(shown, signal); /* first: nothing is to be pushed away */
    outlet.append(
        h("h2", { class: "h5" }, t("usage.sources")),
        h("p", { class: "text-muted" }, t("usage.sources_are")),
        shown,
        ...setup().flat(),
    );
}
