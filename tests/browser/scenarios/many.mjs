// A list: search, folders, several at once; one is copied to another platform and another workspace; an archive is dropped, and its plan is
// shown before anything is done; a CLI's things are converted to another's.
export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    const names = () => page.locator("tbody th").allInnerTexts();
    const list = "/console/resources/claude/agent";
    await page.goto("/console/transfer");
    const dropped = await page.evaluateHandle((archive) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(archive), (each) => each.charCodeAt(0));
        transfer.items.add(new File([bytes], "agents.tar.gz", { type: "application/gzip" }));
        return transfer;
    }, given.archive);
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: dropped });
    await page.getByText("This would be done").waitFor();
    const plan = await page.locator("tbody th").allInnerTexts();
    const early = (await page.request.get("/api/resources/claude/agent").then((answer) => answer.json())).data.total;
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("This was done").waitFor();

    await page.goto(list);
    await page.getByRole("searchbox").fill("second");
    await page.getByText("1 of 1").waitFor();
    const found = await names();
    await page.getByRole("searchbox").fill("");
    await page.getByText("3 of 3").waitFor();
    for (const name of ["first", "third"]) await page.getByRole("checkbox", { name: `Choose ${name}` }).check();
    await page.getByRole("button", { name: "Switch off" }).click();
    await page.getByRole("checkbox", { name: "Choose first" }).and(page.locator(":not(:checked)")).waitFor();
    await page.getByLabel("On or off").selectOption("false");
    await page.getByText("2 of 2").waitFor();
    const off = await names();
    await page.getByLabel("On or off").selectOption("");
    await page.getByText("3 of 3").waitFor();
    await page.getByRole("checkbox", { name: "Choose third" }).check();
    await page.getByRole("button", { name: "Delete the chosen ones" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("2 of 2").waitFor();

    // Folders.
    await page.goto("/console/resources/claude/slash_command");
    await page.getByRole("button", { name: "git", exact: true }).first().click();
    await page.getByText("2 of 2").waitFor();
    const inFolder = await names();
    await page.getByRole("button", { name: "×" }).click();
    await page.getByText("3 of 3").waitFor();

    // Elsewhere.
    await page.goto(`${list}/item/first`);
    for (const where of [{ platform: "gemini" }, { workspace: "team" }]) {
        await page.getByRole("button", { name: "Copy" }).click();
        const dialog = page.getByRole("dialog");
        if (where.platform) await dialog.getByLabel("Coding CLI").selectOption(where.platform);
        if (where.workspace) await dialog.getByLabel("Workspace").selectOption(where.workspace);
        await dialog.getByLabel("Name").fill("copied");
        await dialog.getByRole("button", { name: "Copy" }).click();
        await dialog.waitFor({ state: "detached" });
    }
    await page.goto("/console/transfer");
    await page.getByLabel("To", { exact: true }).selectOption("qwen");
    await page.getByRole("button", { name: "Show the plan" }).click();
    await page.getByText("This would be done").waitFor();
    await page.getByRole("button", { name: "Convert", exact: true }).click();
    await page.getByText("This was done").waitFor();
    return { plan, early, found, off, inFolder };
}
