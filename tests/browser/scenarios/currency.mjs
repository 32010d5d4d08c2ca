// The display currency: an administrator sets it and every page of usage shows amounts in it; others see it, too; then it is changed and removed.
const one = (text) => text.replace(/\s+/g, " ").trim();

export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    await page.clock.setFixedTime(new Date(given.now));
    const dialog = page.getByRole("dialog");
    const told = (where = page) => where.locator("h1 + p").innerText();
    const amounts = (where, root) =>
        where
            .locator(root)
            .locator("[title]:not(time)")
            .evaluateAll((all) =>
                all.map((each) => [each.textContent, each.title]).filter(([, title]) => /^\D*[$]/.test(title)),
            );
    const done = {};

    // Set.
    await page.goto("/console/usage/prices?only=own");
    await page.getByRole("button", { name: "Show costs in another currency" }).click();
    done.first = await dialog.getByLabel("Date of the rate").inputValue();
    done.dollars = await dialog.locator("option[value=USD]").count();
    await dialog.getByLabel("Currency").selectOption("CNY");
    done.name = await dialog.locator("option:checked").innerText();
    await dialog.getByLabel("Rate: units").fill("7,1");
    await dialog.getByRole("button", { name: "Save" }).click();
    done.refused = await dialog.getByRole("alert").innerText();
    await dialog.getByLabel("Rate: units").fill("7.123456789");
    await dialog.getByLabel("Date of the rate").fill("2026-03-01");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("The currency is set").waitFor();
    done.told = await told();
    await page.getByRole("rowheader", { name: "model-a" }).waitFor();
    done.prices = (await page.getByRole("row", { name: "model-a" }).innerText()).split("\t").map(one).slice(3, 5);

    // Changed.
    await page.getByRole("button", { name: "Change the currency" }).click();
    done.kept = [await dialog.getByLabel("Currency").inputValue(), await dialog.getByLabel("Rate: units").inputValue()];
    await dialog.getByLabel("Rate: units").fill("7.1");
    await dialog.getByLabel("Date of the rate").fill("2026-03-02");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("at 7.1 for").waitFor();
    done.changed = await told();

    // Shown.
    await page.goto("/console/usage?zone=UTC");
    await page.getByText("Calls by weekday and hour").first().waitFor();
    done.overview = await told();
    done.cards = (await page.locator("main .card").allInnerTexts()).map(one);
    done.cardDollars = await amounts(page, "main .card");
    done.bar = await page.locator(".chart-place title").nth(28).textContent();
    done.scale = (await page.locator("figure.chart svg > text").allTextContents()).slice(0, 3);
    done.models = await amounts(page, 'h2:has-text("Cost by model") + .table-responsive');
    await page.goto("/console/usage/sessions");
    await page.getByRole("link", { name: "of laptop" }).waitFor();
    done.sessions = await amounts(page, "main table");
    await page.getByRole("link", { name: "of laptop" }).click();
    await page.getByRole("heading", { name: "Calls" }).waitFor();
    done.session = await amounts(page, "main table");
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.goto("/console/usage?zone=UTC").then(() => page.getByRole("button", { name: "Download as CSV" }).click()),
    ]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    done.csv = Buffer.concat(chunks).toString();

    // Who may look only, in the other language.
    const viewer = await open({ user: "eve", language: "zh-CN" });
    await viewer.clock.setFixedTime(new Date(given.now));
    await viewer.goto("/console/usage/prices");
    await viewer.getByRole("rowheader").first().waitFor();
    done.viewer = {
        told: await told(viewer),
        buttons: await viewer.getByRole("button", { name: /币种|美元/ }).count(),
    };
    await viewer.goto("/console/usage?zone=UTC");
    await viewer.locator("main .card").first().waitFor();
    done.viewer.whole = one(await viewer.locator(".alert-info").innerText());

    // Coins of other sizes, and amounts below them.
    done.written = await page.evaluate(async () => {
        const { money, readCurrency } = await import("/console/lib/usage.js");
        const said = {};
        for (const [currency, rate] of [
            ["JPY", 150],
            ["KWD", 0.3],
            ["EUR", "0.333333333"],
            ["VND", "0.000000001"],
        ]) {
            await fetch("/api/usage/currency", {
                method: "PUT",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ currency, rate, date: "2026-03-02" }),
            });
            await readCurrency();
            said[currency] = [0, 0.00001, 0.0015, 0.5, 1.005, 1234.5].map(money);
        }
        return said;
    });

    // Removed; the last rate was a small one.
    await page.goto("/console/usage/prices?only=own");
    done.small = await told();
    await page.getByRole("button", { name: "Change the currency" }).click();
    done.smallKept = await dialog.getByLabel("Rate: units").inputValue();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Show costs in US dollars" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Show costs in another currency" }).waitFor();
    done.lines = await page.locator("h1 + p").count();
    await page.goto("/console/usage?zone=UTC");
    await page.locator("main .card").first().waitFor();
    done.again = [one(await page.locator("main .card").first().innerText()), (await amounts(page, "main")).length];
    return done;
}
