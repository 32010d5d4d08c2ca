// What the console says. Texts stand in text/en.js and text/zh.js by the same keys, as a test checks, and only those of the
// language in use are loaded; a label that the API gives has both.
const LANGUAGES = { en: "en", zh: "zh-CN" };
const KEY = "ccr-language";

const wanted = localStorage.getItem(KEY) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let current = wanted in LANGUAGES ? wanted : "en";
let texts = await load();

async function load() {
    document.documentElement.lang = LANGUAGES[current];
    return (await import(`../text/${current}.js`)).default;
}

export const language = () => current;
/** As HTML and Accept-Language name it. */
export const languageTag = () => LANGUAGES[current];

export async function useLanguage(name) {
    current = name in LANGUAGES ? name : "en";
    localStorage.setItem(KEY, current);
    texts = await load();
}

/** The text of a key; {name} in it is filled in. */
export function t(key, values = {}) {
    return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Of {en, zh}. */
export const label = (both) => both?.[current] || both?.en || "";

const UNITS = [
    ["second", 60],
    ["minute", 60],
    ["hour", 24],
    ["day", 30],
    ["month", 12],
    ["year", Infinity],
];

/** "3 minutes ago", for a person; `title` attributes have the exact time. */
export function ago(time) {
    let left = (new Date(time) - Date.now()) / 1000;
    for (const [unit, size] of UNITS) {
        if (Math.abs(left) < size)
            return new Intl.RelativeTimeFormat(languageTag(), { numeric: "auto" }).format(Math.round(left), unit);
        left /= size;
    }
    return "";
}

export const exactly = (time) => new Date(time).toLocaleString(languageTag());
export const count = (number) => new Intl.NumberFormat(languageTag()).format(number);
