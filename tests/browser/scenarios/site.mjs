// What a site's administrator looks after, and the API that is tried.
export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    await page.goto("/console/site");
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("User name").fill("judy");
    await dialog.getByLabel("New password").fill(given.own);
    await dialog.getByRole("button", { name: "New user" }).click();
    const judy = page.getByRole("row", { name: "judy" });
    await judy.getByRole("button", { name: "Disable" }).click();
    await judy.getByText("disabled").waitFor();

    await page.getByLabel("Action").fill("user.create");
    await page.getByRole("cell", { name: "logged in" }).first().waitFor({ state: "hidden" });
    await page.getByRole("cell", { name: "made an account" }).first().waitFor();
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: "Download as CSV" }).click(),
    ]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    const csv = Buffer.concat(chunks).toString();
    const text = await page.getByRole("main").innerText();

    await page.goto("/console/reference");
    await page.getByRole("searchbox").fill("get /api/version");
    await page.locator("summary").nth(3).waitFor({ state: "detached" });
    await page.getByText("/api/version", { exact: true }).click();
    await page.getByRole("button", { name: "Send" }).first().click();
    await page.locator("pre").filter({ hasText: "version" }).first().waitFor();
    return { csv, text, tried: await page.locator("pre").first().innerText() };
}
