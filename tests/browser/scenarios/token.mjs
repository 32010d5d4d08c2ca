// A personal access token: made, shown once, used, revoked. Then sessions: one is ended, then all.
export default async function ({ open, given, whileAway }) {
    const page = await open({ user: "grace" });
    const use = (token, path = "/api/configs", method = "GET") =>
        fetch(given.url + path, { method, headers: { Authorization: `Bearer ${token}` } }).then(
            (answer) => answer.status,
        );
    await page.goto("/console/account");
    await page.getByRole("button", { name: "Make a token" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("a script");
    await dialog.getByLabel("Days until it expires").fill("3");
    await dialog.getByRole("button", { name: "Make a token" }).click();
    const token = await page.getByRole("textbox", { name: "The token" }).inputValue();
    await page.getByRole("button", { name: "Close" }).click();
    const row = page.getByRole("row", { name: "a script" });
    await row.waitFor();
    const before = await row.innerText();
    const shownAgain = (await page.content()).includes(token);
    const used = await use(token);
    const wrote = await use(token, "/api/resources/claude/mcp_server/one/disable", "POST");
    await page.reload();
    const after = await row.innerText();
    await row.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("None yet.").waitFor();
    const revoked = await use(token);

    const other = await open({ user: "grace" });
    await other.goto("/console/account");
    await other.getByText("this one", { exact: true }).waitFor();
    await page.reload();
    // Whose session ends may try for live events once more before it is at the login.
    await whileAway(async () => {
        await page.getByRole("button", { name: "End all others" }).click();
        await page.getByRole("button", { name: "End all others" }).waitFor({ state: "hidden" });
        await other.reload();
        await other.waitForURL(/\/login/);
        await page.getByRole("button", { name: "End all, this one too" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "End all" }).click();
        await page.waitForURL(/\/login/);
    });
    return { before, after, shownAgain, used, wrote, revoked };
}
