// Every page in one language and theme: no serious finding of axe, nothing that jumps, nothing wider than the window.
import axe from "axe-core";

const SERIOUS = ["serious", "critical"];

/** What stands beyond the window's right edge where nothing scrolls it into sight. */
const cutOff = () =>
    [...document.querySelectorAll("main *, header *, nav *")]
        .filter((each) => {
            const { width, height, right } = each.getBoundingClientRect();
            if (width <= 1 || height <= 1 || right <= innerWidth + 1) return false;
            for (let box = each.parentElement; box; box = box.parentElement)
                if (["auto", "scroll"].includes(getComputedStyle(box).overflowX) || box.matches("td.clip"))
                    return false;
            return true;
        })
        .map((each) => each.outerHTML.slice(0, 120));

export default async function ({ open, given, watchShift }) {
    const page = await open({ user: "admin", language: given.language, theme: given.theme, width: given.width });
    const shift = await watchShift(page);
    const found = [];
    for (const path of given.paths) {
        await page.goto(path);
        await page.waitForSelector("h1");
        await page.waitForFunction(() => document.title.endsWith("· CCR")); // which a page gets when it is complete
        await page.waitForLoadState("networkidle");
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => window.axe.run());
        const wide = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        found.push({
            path,
            title: await page.title(),
            language: await page.evaluate(() => document.documentElement.lang),
            serious: violations
                .filter((each) => SERIOUS.includes(each.impact))
                .map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(", ")}`),
            shift: await shift(),
            wide,
            cut: await page.evaluate(cutOff),
        });
        if (given.pictures) {
            const name = path.replace(/^.console|\W+/g, "-").replace(/^-+|-+$/g, "") || "home";
            await page.screenshot({ path: `${given.pictures}/console-${name}-${given.language}.png` });
        }
    }
    return found;
}
