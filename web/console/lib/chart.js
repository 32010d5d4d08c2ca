// Bars, drawn as SVG by hand: the style sheet colours them, in light, dark and print, and what they show stands below as a table.
import { h, t, table } from "./ui.js";

const SVG = "http://www.w3.org/2000/svg";
const LABELS = 6; // below the bars, at most
const LEFT = 12, // per cent of the width that the scale takes
    TOP = 8,
    BOTTOM = 12;

/** An element of SVG: its attributes are the browser's own, which no Content-Security-Policy minds. */
function s(tag, attributes, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

const percent = (part) => `${part.toFixed(2)}%`;

/** The least of 1, 2, 4, 6, 8, 10, 20 … that is not below the value. */
function roundUp(value) {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 6, 8, 10].map((each) => each * power).find((each) => each >= value);
}

function scale(top, write) {
    return [0, 0.5, 1].flatMap((part) => {
        const y = percent(TOP + (1 - part) * (100 - TOP - BOTTOM));
        return [
            s("line", { class: "chart-line", x1: percent(LEFT), x2: "100%", y1: y, y2: y }),
            s(
                "text",
                { x: percent(LEFT - 1), y, "text-anchor": "end", "dominant-baseline": "middle" },
                write(part * top),
            ),
        ];
    });
}

/** A figure of upright bars. points: [{label, value, before, title}], `before` is drawn as an outline behind the bar; write(number) makes
 * its text; heads and rows are those of the table that says the same. */
export function barChart(name, points, write, heads, rows) {
    const top = roundUp(Math.max(...points.map((each) => Math.max(each.value, each.before ?? 0))));
    const step = (100 - LEFT) / points.length,
        every = Math.ceil(points.length / LABELS);
    const bar = (kind, place, value, width) => {
        const height = (value / top) * (100 - TOP - BOTTOM);
        const x = LEFT + step * (place + (1 - width) / 2);
        return s("rect", {
            class: kind,
            x: percent(x),
            width: percent(step * width),
            y: percent(100 - BOTTOM - height),
            height: percent(height),
        });
    };
    const drawn = points.map((each, place) =>
        s(
            "g",
            { class: "chart-place" },
            s("title", {}, each.title),
            s("rect", {
                class: "chart-whole",
                x: percent(LEFT + step * place),
                width: percent(step),
                y: 0,
                height: "100%",
            }),
            ...(each.before === undefined ? [] : [bar("chart-before", place, each.before, 0.9)]),
            bar("chart-bar", place, each.value, 0.6),
        ),
    );
    const labels = points
        .map((each, place) => [each.label, place])
        .filter(([, place]) => place % every === 0)
        .map(([label, place]) =>
            s("text", { x: percent(LEFT + step * (place + 0.5)), y: "98%", "text-anchor": "middle" }, label),
        );
    return h(
        "figure",
        { class: "chart" },
        s("svg", { role: "img", "aria-label": name }, ...scale(top, write), ...drawn, ...labels),
        h("details", { class: "small" }, h("summary", t("usage.as_table")), table(heads, rows)),
    );
}

/** A bar that lies in a cell beside its number, which says the same. */
export const lyingBar = (part) =>
    s(
        "svg",
        { class: "lying-bar", "aria-hidden": "true" },
        s("rect", { class: "chart-bar", width: percent(100 * part), height: "100%" }),
    );

/** How much of an amount is spent: a bar with a mark at each level, all in per cent; what is above the amount stands out. `name` says the same. */
export function levelBar(name, spent, levels) {
    const top = Math.max(100, spent, ...levels);
    const of = (part) => percent((100 * part) / top);
    const piece = (kind, from, to) =>
        s("rect", { class: kind, x: of(from), width: of(to - from), y: "20%", height: "60%" });
    return s(
        "svg",
        { class: "level-bar", role: "img", "aria-label": name },
        piece("level-whole", 0, 100),
        piece("chart-bar", 0, Math.min(spent, 100)),
        ...(spent > 100 ? [piece("level-over", 100, spent)] : []),
        ...levels.map((level) =>
            s(
                "line",
                { class: "level-mark", x1: of(level), x2: of(level), y1: 0, y2: "100%" },
                s("title", {}, `${level} %`),
            ),
        ),
    );
}

/** A mark for each of these, in a row: whether there was something. */
export function marks(name, each) {
    const step = 100 / each.length;
    return s(
        "svg",
        { class: "marks", role: "img", "aria-label": name },
        ...each.map(({ there, title }, place) =>
            s(
                "rect",
                {
                    class: there ? "chart-bar" : "chart-none",
                    x: percent(step * place),
                    width: percent(step * 0.8),
                    height: "100%",
                },
                s("title", {}, title),
            ),
        ),
    );
}
