// Sources of usage: who reports from which machine, by what, since when nothing came; and how a CLI is set up to report.
import { address, get } from "../lib/api.js";
import { count, fill, h, t, table, when } from "../lib/ui.js";
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

const DAY_S = 86400,
    SILENT_S = 3 * DAY_S; // until it is said; a weekend is no gap
const PAGE_MAX = 500; // that the API gives at once

const whose = (each) => JSON.stringify([each.user, each.machine]);

async function allSources(signal) {
    const page = (offset) => get(address(["usage", "sources"], { limit: PAGE_MAX, offset }), { signal });
    const { sources, total } = await page(0);
    while (sources.length < total) {
        const more = await page(sources.length);
        if (!more.sources.length) break;
        sources.push(...more.sources);
    }
    return sources;
}

/** On which of the last 30 days somebody's machine had calls: {of(each), dates}. */
async function daysOfMachines(signal) {
    const { rows, zone, period } = await wholeReport({ group: "user,machine,day" }, signal);
    const found = new Map();
    for (const each of rows) found.set(whose(each), (found.get(whose(each)) ?? new Set()).add(each.day));
    const [first, last] = [period.from, new Date(period.to) - 1].map((time) => dateIn(knownZone(zone), new Date(time)));
    return { of: (each) => found.get(whose(each)) ?? new Set(), dates: datesFrom(first, daysBetween(first, last)) };
}

const silence = ({ silent_seconds: seconds }) =>
    seconds >= SILENT_S
        ? [
              " ",
              h(
                  "span",
                  { class: "badge text-bg-warning" },
                  t("usage.silent", { days: count(Math.floor(seconds / DAY_S)) }),
              ),
          ]
        : null;

async function load(shown, signal) {
    const [sources, { of, dates }] = await Promise.all([allSources(signal), daysOfMachines(signal)]);
    const strip = (there) =>
        marks(
            t("usage.days_with", { days: there.size, all: dates.length }),
            dates.map((date) => ({
                there: there.has(date),
                title: `${dayText(date)}: ${t(there.has(date) ? "usage.day_with" : "usage.day_without")}`,
            })),
        );
    const rows = sources.map((each) => [
        named(each.user),
        h("td", { class: "text-break" }, named(each.machine)),
        each.platform,
        each.source,
        number(each.calls),
        h("td", when(each.last_seen), silence(each)),
        h("td", strip(of(each))),
    ]);
    const heads = [
        t("usage.by_user"),
        t("usage.by_machine"),
        t("usage.by_platform"),
        t("usage.told_by"),
        numberHead(t("usage.calls")),
        t("usage.last_seen"),
        t("usage.days_marked"),
    ];
    fill(shown, table(heads, rows, t("usage.none_reported")));
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

const TOKEN = "ccr_pat_…";

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
    ["ccr-usage-push", t("usage.setup_log"), `ccr-usage-push --server ${site}`],
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
