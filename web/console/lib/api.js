// The API, as the logged-in browser asks it, and what it tells by itself. An answer is its `data`, or the body where the API has no envelope.
import { language } from "./ui.js";

/** What the server refused, or that it was not reached (status 0). `fields`: what is wrong, by field name. */
export class ApiError extends Error {
    constructor(status, body, retryAfter) {
        super(body?.message || body?.error?.message || "");
        this.status = status;
        this.code = body?.error?.code || "";
        this.fields = body?.error?.details?.fields || [];
        this.details = body?.error?.details || {};
        this.id = body?.error?.error_id || "";
        this.retryAfter = retryAfter;
    }
}

/** Events: `lost` and `found` (the server is not reached, and is again), `login` (there is no session any more), `written` (no write
 * is under way any more). */
export const events = new EventTarget();

const say = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));
const sleep = (ms, signal) =>
    new Promise((done, stop) => {
        const timer = setTimeout(done, ms);
        signal?.addEventListener(
            "abort",
            () => {
                clearTimeout(timer);
                stop(signal.reason);
            },
            { once: true },
        );
    });

const OUTSIDE = new Set(["/health", "/metrics"]); // of /api
const TRIES = 3; // of what the server asks to be sent again: nothing of it was done
const UNREACHED = new Set([502, 503, 504]);
let workspace = null;
let lost = false;

/** Requests act in this workspace from now on (its slug). */
export function actIn(slug) {
    workspace = slug;
}

/* ---- one's own writes -------------------------------------------------------------------------------------------- */

const OWN_KEPT = 200;
const own = new Set(); // generations that this page's writes made
let underWay = 0;

const writing = () => underWay > 0;

/** Whether a change that the server tells of was made by this page. */
const isOwn = ({ by, generation }) => by === session.user.username && own.has(generation);

/** "<workspace>.<generation>", several joined by "_". */
function noteOwn(header) {
    for (const part of (header || "").split("_")) own.add(Number(part.split(".")[1]));
    for (const oldest of own) if (own.size > OWN_KEPT) own.delete(oldest);
}

async function fetchNoting(path, options) {
    if (options.method === "GET") return fetch(path, options);
    underWay++;
    try {
        const answer = await fetch(path, options);
        noteOwn(answer.headers.get("X-CCR-Generation"));
        return answer;
    } finally {
        if (--underWay === 0) say("written");
    }
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

async function send(method, path, { body, headers = {}, signal, etag }) {
    const all = { Accept: "application/json", "Accept-Language": language(), ...headers };
    if (workspace) all["X-CCR-Workspace"] = workspace;
    if (etag) all["If-Match"] = etag;
    if (body !== undefined) all["Content-Type"] = "application/json";
    let answer;
    try {
        answer = await fetchNoting(path.startsWith("/api/") || OUTSIDE.has(path) ? path : `/api${path}`, {
            method,
            headers: all,
            signal,
            body: body === undefined ? undefined : JSON.stringify(body),
            cache: "no-cache",
        });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, null, 1);
    }
    const text = await answer.text();
    let parsed = null;
    try {
        parsed = text ? JSON.parse(text) : null;
    } catch {
        parsed = { text };
    }
    if (!answer.ok) throw new ApiError(answer.status, parsed, Number(answer.headers.get("Retry-After")) || null);
    return {
        data: parsed?.success === undefined ? parsed : parsed.data, // some answers have no envelope, or are a mere text
        message: parsed?.message ?? null,
        etag: answer.headers.get("ETag"),
        text,
    };
}

/** Waits as long as the server says, when it was too busy for it. */
async function politely(method, path, options) {
    for (let tries = 1; ; tries++) {
        try {
            return await send(method, path, options);
        } catch (error) {
            const again = (error.status === 429 || error.status === 409) && error.retryAfter;
            if (!again || tries === TRIES || options.once) throw error;
            await sleep(error.retryAfter * 1000, options.signal);
        }
    }
}

/** What was not reached is asked again, with pauses that grow to 8 s, until it answers or nobody wants it any more. Only reads
 * are: whether a write was done is not known. */
async function patiently(method, path, options) {
    for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
        try {
            const answer = await politely(method, path, options);
            if (lost) {
                lost = false;
                say("found");
            }
            return answer;
        } catch (error) {
            if (!(error instanceof ApiError) || (error.status !== 0 && !UNREACHED.has(error.status))) throw error;
            if (method !== "GET" || options.once) throw error;
            if (!lost) {
                lost = true;
                say("lost");
            }
            await sleep(pause * (0.75 + Math.random() / 2), options.signal);
        }
    }
}

let logIn = null;

/** What lets somebody whose session is over log in where he is, so that what he was about to save is not lost; whether he did. */
export function logInWith(work) {
    logIn = work;
}

/** Asks; the answer's {data, message, etag}. options: body, etag (If-Match), headers, signal, `quiet`: 401 is the caller's, `once`: it
 * is not asked again. */
export async function ask(method, path, options = {}) {
    try {
        return await patiently(method, path, options);
    } catch (error) {
        if (error.status !== 401 || options.quiet) throw error;
        if (method !== "GET" && (await logIn?.())) return await patiently(method, path, options);
        if (method === "GET") say("login");
        throw error;
    }
}

export const get = async (path, options) => (await ask("GET", path, options)).data;
export const post = async (path, body, options) => (await ask("POST", path, { ...options, body })).data;
export const patch = async (path, body, options) => (await ask("PATCH", path, { ...options, body })).data;
export const put = async (path, body, options) => (await ask("PUT", path, { ...options, body })).data;
export const remove = async (path, body, options) => (await ask("DELETE", path, { ...options, body })).data;

/** An address of parts, each of which may hold anything; numbers, texts and what is set of a query behind it. */
export function address(parts, query = {}) {
    const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const text = parts.map((part) => `/${encodeURIComponent(part)}`).join("");
    return set.length ? `${text}?${new URLSearchParams(set)}` : text;
}

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

const PLATFORM = "ccr-platform";
const ROLES = ["viewer", "editor", "admin", "owner"];

let first = null;

export const session = {
    user: null,
    workspace: null,
    workspaces: [],
    kinds: [],
    platforms: [],
    platform: "claude",

    async load() {
        const [home, kinds] = await Promise.all([get("/home"), get("/kinds")]);
        first = home;
        this.user = home.user;
        this.workspace = home.user.workspace;
        this.workspaces = home.workspaces;
        this.kinds = kinds.kinds;
        this.platforms = [...new Set(this.kinds.flatMap((kind) => kind.platforms))];
        const kept = localStorage.getItem(PLATFORM);
        this.platform = this.platforms.includes(kept) ? kept : this.platforms[0];
    },

    /** What the first page shows: once what came with the session, from then on what there is. */
    async home(signal) {
        const found = first ?? (await get("/home", { signal }));
        first = null;
        return found;
    },

    usePlatform(name) {
        this.platform = name;
        localStorage.setItem(PLATFORM, name);
    },

    kindsOf(platform) {
        return this.kinds.filter((kind) => kind.platforms.includes(platform));
    },

    kind(name) {
        return this.kinds.find((kind) => kind.name === name);
    },

    /** Whether the user's role in the workspace is this one or more. */
    may(role) {
        return ROLES.indexOf(this.workspace.role) >= ROLES.indexOf(role);
    },
};

/* ---- what others change ------------------------------------------------------------------------------------------ */

// What others change, as it happens: one WebSocket for the whole console. It only says that something changed; what there is now is read
// as ever. One's own writes are not told: the page that did them has shown them.

const PROTOCOL = "ccr-changes";
const FIRST_MS = 1000; // clients of a server that restarts come back within FIRST_MS to FIRST_MS + SPREAD_MS
const SPREAD_MS = 5000;
const LONGEST_MS = 60_000;
const PING_MS = 30_000; // who has heard nothing since the last one is cut off

const listeners = new Set();
let held = []; // until it is known which of them are one's own
let failures = 0;

/** Calls work(change) for each change of this kind and platform until `signal` ends: {change, names, count, revision, by}; names is
 * empty when there were too many. Levels that budgets reach are of the kind "budget" and no platform. work(null): something may have been
 * missed. */
export function whenChanged({ platform, kind }, work, signal) {
    const listener = { platform, kind, work };
    listeners.add(listener);
    signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
}

function tell(change) {
    if (change.workspace !== session.workspace.slug || isOwn(change)) return;
    for (const { platform, kind, work } of listeners)
        if (change.platform === platform && change.kind === kind) work(change);
}

function tellHeld() {
    if (writing()) return;
    const changes = held;
    held = [];
    changes.forEach(tell);
}

const tellMissed = () => listeners.forEach(({ work }) => work(null));

const HEARD = {
    /** Whoever listens already has read what there was before. */
    Ready() {
        failures = 0;
        tellMissed();
    },
    Missed: tellMissed,
    BudgetReached: ({ data }) => tell(data),
    Changed({ data }) {
        held.push(data);
        tellHeld();
    },
};

/** Opens it, and again whenever it ends, less and less often while there is none: the console is as good without. */
export function keepListening() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`, PROTOCOL);
    let heard = true;
    const pulse = setInterval(() => {
        if (!heard) return socket.close();
        heard = false;
        if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"Ping"}');
    }, PING_MS);
    socket.addEventListener("message", (event) => {
        heard = true;
        const message = JSON.parse(event.data);
        HEARD[message.type]?.(message);
    });
    socket.addEventListener("close", () => {
        clearInterval(pulse);
        const pause = Math.min(FIRST_MS * 2 ** failures++, LONGEST_MS);
        setTimeout(keepListening, pause + Math.random() * Math.max(pause, SPREAD_MS));
    });
}

events.addEventListener("written", tellHeld);
