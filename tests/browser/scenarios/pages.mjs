// Every page in one language and theme: no serious finding of axe, nothing that jumps, nothing wider than the window.
import axe from "axe-core";

const SERIOUS = ["serious", "critical"];

export default async function ({ open, given }) {
    const page = await open({ user: "admin", language: given.language, theme: given.theme, width: given.width });
    await page.addInitScript(() => {
        window.shift = 0;
        new PerformanceObserver((list) =>
            list.getEntries().forEach((each) => {
                if (!each.hadRecentInput) window.shift += each.value;
            }),
        ).observe({ type: "layout-shift", buffered: true });
    });
    const found = [];
    for (const path of given.paths) {
        await page.goto(path);
        await page.waitForSelector("h1");
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
            shift: await page.evaluate(() => window.shift),
            wide,
        });
        if (given.pictures) {
            const name = path.replace(/^.console|\W+/g, "-").replace(/^-+|-+$/g, "") || "home";
            await page.screenshot({ path: `${given.pictures}/console-${name}-${given.language}.png` });
        }
    }
    return found;
}
