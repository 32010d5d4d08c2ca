// What others change, as it happens: one WebSocket for the whole console. It only says that something changed; what there is now is read
// as ever. One's own writes are not told: the page that did them has shown them.
import { events, isOwn, session, writing } from "./api.js";

const PROTOCOL = "ccr-changes";
const FIRST_MS = 1000; // clients of a server that restarts come back within FIRST_MS to FIRST_MS + SPREAD_MS
const SPREAD_MS = 5000;
const LONGEST_MS = 60_000;
const PING_MS = 30_000; // who has heard nothing since the last one is cut off

const listeners = new Set();
let held = []; // until it is known which of them are one's own
let failures = 0;

/** Calls work(change) for each change of this kind and platform until `signal` ends: {change, names, count, revision, by}; names is
 * empty when there were too many. work(null): something may have been missed. */
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
