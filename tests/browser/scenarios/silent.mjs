// A site where live events do not run: the console works as ever and says nothing of it. Once they run, it hears of changes by itself.
export default async function ({ open, given, whileAway, listens }) {
    const page = await open({ user: "admin" });
    let said;
    await whileAway(async () => {
        const refused = page.waitForEvent("console", (each) => each.text().startsWith("WebSocket connection to "));
        await page.goto(given.path);
        await refused;
        await page.getByRole("searchbox").fill("one");
        await page.getByText("1 of 1").waitFor();
        await page.getByRole("link", { name: "one", exact: true }).click();
        await page.getByLabel("Timeout of a call").fill("4321");
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("is saved").waitFor();
        said = await page.locator(".alert-danger:visible").allInnerTexts();
        if (await page.getByText("The connection is lost").isVisible()) said.push("lost");
        await page.goto(given.path);
        await page.getByRole("link", { name: "one", exact: true }).waitFor();
        await fetch(`${given.control}/listen`);
        await listens(page);
    });
    await fetch(`${given.control}/change`);
    await page.getByRole("link", { name: "by somebody", exact: true }).waitFor();
    return { said };
}
