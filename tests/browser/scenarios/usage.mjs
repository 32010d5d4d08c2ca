// Usage: figures of a day in March, sorted, grouped, in another period and zone; then a price is set, and a viewer sees what is his to see.
const one = (text) => text.replace(/\s+/g, " ").trim();

export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    await page.clock.setFixedTime(new Date(given.now));
    await page.goto("/console/usage?zone=UTC");
    const cards = async () => (await page.locator("main .card").allInnerTexts()).map(one);
    const cells = (table) =>
        table
            .locator("tbody tr")
            .evaluateAll((rows) => rows.map((each) => [...each.cells].map((cell) => cell.textContent.trim())));
    const below = (heading) => page.locator(`h2:has-text("${heading}") ~ .table-responsive table`).first();
    await page.getByText("Calls by weekday and hour").first().waitFor();
    const done = { cards: await cards() };

    const chart = page.getByRole("img", { name: "Cost by day" });
    done.bars = await chart.locator(".chart-bar").count();
    done.bar = await chart.locator(".chart-place title").nth(28).textContent();
    await page.getByText("As a table").click();
    done.days = await cells(page.locator("figure table"));
    done.models = (await cells(below("Cost by model"))).map((row) => row.slice(0, 2));
    const grouped = page.locator("table:has(.btn-sort)");
    const names = async () => (await cells(grouped)).map(([name]) => name);
    done.byCost = await names();
    await page.getByRole("button", { name: "Calls", exact: true }).click();
    await page.locator("[aria-sort]").filter({ hasText: "Calls" }).waitFor();
    done.byCalls = await names();
    await page.getByRole("combobox", { name: "By", exact: true }).selectOption("user");
    await page.getByRole("rowheader", { name: "grace" }).waitFor();
    done.byUser = (await cells(grouped)).map((row) => [row[0], row[1], row[7]]);
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download as CSV" }).click(),
    ]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    done.csv = Buffer.concat(chunks).toString();

    const busy = () =>
        page
            .locator(".heat tbody td:not(.heat-0)")
            .evaluateAll((all) => Object.fromEntries(all.map((each) => [each.title, each.textContent])));
    done.hours = await busy();
    await page.getByText("Windows of five hours").click();
    await page.getByRole("columnheader", { name: "Window from" }).waitFor();
    done.windows = (await cells(page.locator("details table").last())).map((row) => row.slice(0, 2));

    await page.goto("/console/usage?zone=Asia/Shanghai");
    await page.getByText("Calls by weekday and hour").first().waitFor();
    done.shanghai = Object.keys(await busy()).find((each) => each.startsWith("Fri 7"));

    await page.goto("/console/usage?zone=UTC");
    await page.getByText("Calls by weekday and hour").first().waitFor();
    await page.getByRole("combobox", { name: "Period" }).selectOption("last_month");
    await page.locator("main .card").first().getByText("$3.00", { exact: true }).waitFor();
    done.lastMonth = await cards();
    await page.getByRole("combobox", { name: "Period" }).selectOption("own");
    await page.getByLabel("First day").fill("2026-03-19");
    await page.getByLabel("Last day").fill("2026-03-19");
    await page.locator(".card").filter({ hasText: "$8.00" }).first().waitFor();
    done.ownPeriod = await cards();
    await page.reload();
    await page.locator(".card").filter({ hasText: "$8.00" }).first().waitFor();
    done.reloaded = await cards();

    // Prices, today.
    const prices = await open({ user: "admin" });
    await prices.goto("/console/usage/prices");
    const missing = prices.locator("table").first().locator("tbody tr");
    await missing.getByRole("button", { name: "Set a price" }).waitFor();
    done.unpriced = (await missing.allInnerTexts()).map(one);
    await missing.getByRole("button", { name: "Set a price" }).click();
    const dialog = prices.getByRole("dialog");
    await dialog.getByLabel("Input").fill("cheap");
    await dialog.getByLabel("Output").fill("4");
    await dialog.getByLabel("From caches").fill("0.1");
    await dialog.getByRole("button", { name: "Save" }).click();
    done.refused = await dialog.getByRole("alert").innerText();
    await dialog.getByLabel("Input").fill("0.25");
    await dialog.getByRole("button", { name: "Save" }).click();
    await prices.getByText("The price of unpriced-model is set").waitFor();
    await prices.getByRole("combobox", { name: "Which prices" }).selectOption("own");
    await prices.getByText("3 of 3").waitFor();
    await prices.getByRole("row", { name: "model-b" }).getByRole("button", { name: "Remove" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await prices.getByText("2 of 2").waitFor();
    done.owned = (await prices.locator("table").last().locator("tbody th").allInnerTexts()).map(
        (each) => one(each).split(" ")[0],
    );

    await prices.getByRole("link", { name: "Sources" }).click();
    await prices.getByRole("cell", { name: "desktop" }).waitFor();
    await prices.waitForFunction(() => document.activeElement.matches("main"));
    done.scrolled = await prices.evaluate(async () => {
        for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
        return [scrollY, document.documentElement.scrollHeight > innerHeight];
    });
    done.sources = (await cells(prices.locator("main table"))).map((row) => [
        ...row.slice(0, 5),
        row[5].match(/silent.*/)?.[0] ?? "",
    ]);
    done.marks = await prices
        .locator(".marks")
        .evaluateAll((all) => all.map((each) => each.querySelectorAll(".chart-bar").length));
    await prices.getByText("Codex", { exact: true }).click();
    done.setup = await prices.locator("details[open] pre").innerText();

    await prices.getByRole("link", { name: "Sessions" }).click();
    await prices.getByRole("link", { name: "of desktop" }).waitFor();
    await prices.getByRole("combobox", { name: "Order" }).selectOption("cost");
    await prices.locator("tbody tr").first().getByText("of laptop").waitFor();
    const sessions = await cells(prices.locator("main table"));
    done.sessions = sessions.map((row) => [row[0], row[1], row[7], row[9]]).reverse();
    await prices.getByRole("searchbox").fill("desktop");
    await prices.getByText("1 of 1").waitFor();
    await prices.getByRole("link", { name: "of desktop" }).click();
    await prices.getByRole("heading", { name: "Calls" }).waitFor();
    const [call] = await cells(prices.locator("main table").last());
    done.call = [1, 5, 6, 10, 11, 12, 13].map((place) => call[place]);

    // Who may look at his own only.
    const viewer = await open({ user: "eve" });
    await viewer.clock.setFixedTime(new Date(given.now));
    await viewer.goto("/console/usage?zone=UTC");
    const told = await viewer.getByText("This is your own usage").innerText();
    await viewer.goto("/console/usage/prices");
    await viewer.getByRole("rowheader").first().waitFor();
    const mayEdit = await viewer.getByRole("button", { name: /price|Change|Remove/ }).count();
    const put = await viewer.evaluate(() =>
        fetch("/api/usage/prices/model-a", {
            method: "PUT",
            headers: { "Content-Type": "application/json" },
            body: '{"input":1,"output":1}',
        }).then((answer) => answer.status),
    );
    done.viewer = { told, mayEdit, put };
    return done;
}
