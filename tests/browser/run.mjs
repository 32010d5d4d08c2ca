// One scenario in a real Chromium: node run.mjs NAME, with what it needs as JSON on standard input. Prints its result as JSON; whatever a
// browser complains about (errors, refused by the Content-Security-Policy, requests to elsewhere) makes it fail.
import { stripVTControlCharacters } from "node:util";
import { chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
// Chromium itself says this of every answer over 399, also of one that is expected.
const EXPECTED = /^Failed to load resource: the server responded with a status of (4\d\d|50[234])/;
const EXPECTED_AWAY = /^WebSocket connection to /;

const given = JSON.parse(
    await new Promise((done) => {
        let text = "";
        process.stdin.on("data", (part) => (text += part)).on("end", () => done(text));
    }),
);

const complaints = [];
let away = false;

/** While a scenario has live events end on purpose: a WebSocket that cannot be opened is no complaint. They have to be back at its end
 * (see listens). */
async function whileAway(work) {
    away = true;
    await work();
    away = false;
}

/** page → what its WebSocket came to. */
const sockets = new WeakMap();

function watchSockets(page) {
    const state = { ready: false, waiting: [] };
    sockets.set(page, state);
    page.on("websocket", (socket) => {
        state.ready = false; // of one before it that a navigation ended
        socket.on("framereceived", ({ payload }) => {
            if (JSON.parse(payload).type !== "Ready") return;
            state.ready = true;
            state.waiting.splice(0).forEach((done) => done());
        });
        socket.on("close", () => (state.ready = false));
    });
}

/** Waits until the page is told of changes. */
async function listens(page) {
    const state = sockets.get(page);
    if (!state.ready) await new Promise((done) => state.waiting.push(done));
}

const isExpected = (text) => EXPECTED.test(text) || (away && EXPECTED_AWAY.test(text));

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

/** A browser of its own: cookies and storage are shared with no other. */
async function open({ language = "en", theme = "light", width = 1280, height = 800, user = null } = {}) {
    const context = await browser.newContext({
        viewport: { width, height },
        locale: language,
        colorScheme: theme,
        baseURL: given.url,
    });
    context.setDefaultTimeout(60_000); // a machine that is busy with other tests, too
    const page = await context.newPage();
    watchSockets(page);
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("console", (said) => {
        if (said.type() === "error" && !isExpected(said.text())) complaints.push(`${page.url()}: ${said.text()}`);
    });
    page.on("request", (request) => {
        const to = new URL(request.url());
        if (to.protocol !== "data:" && to.protocol !== "blob:" && to.origin !== given.url)
            complaints.push(`${page.url()} asks ${to.origin}`);
    });
    if (user) {
        const answer = await page.request.post("/api/auth/login", {
            data: { username: user, password: given.passwords[user] },
        });
        if (!answer.ok()) throw new Error(`login of ${user}: ${answer.status()}`);
    }
    return page;
}

/** What jumps on the page from its next load on: a function that tells (the Layout Instability API's score). */
async function watchShift(page) {
    await page.addInitScript(() => {
        window.shift = 0;
        new PerformanceObserver((list) =>
            list.getEntries().forEach((each) => {
                if (!each.hadRecentInput) window.shift += each.value;
            }),
        ).observe({ type: "layout-shift", buffered: true });
    });
    return () => page.evaluate(() => window.shift);
}

try {
    const { default: scenario } = await import(`./scenarios/${process.argv[2]}.mjs`);
    const result = await scenario({ open, given, browser, whileAway, listens, watchShift });
    if (complaints.length) throw new Error(complaints.join("\n"));
    process.stdout.write(JSON.stringify(result ?? null));
} catch (error) {
    process.stderr.write(stripVTControlCharacters(error.stack));
    process.exitCode = 1;
} finally {
    await browser.close();
}
