// Two revisions side by side, and the way back.
export default async function ({ open }) {
    const page = await open({ user: "admin" });
    const item = "/console/resources/claude/mcp_server/item/issues";
    for (const timeout of ["2000", "3000"]) {
        await page.goto(item);
        await page.getByRole("textbox", { name: "Command secret" }).waitFor();
        await page.getByLabel("Timeout of a call").fill(timeout);
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByText("is saved").waitFor();
    }
    await page.getByRole("link", { name: "Revisions" }).click();
    await page.getByRole("radio", { name: "Compare from revision 2" }).check();
    await page.getByRole("radio", { name: "Compare to revision 3" }).check();
    await page.getByRole("heading", { name: "From revision 2 to 3" }).waitFor();
    const sides = [await page.locator("td.old").allInnerTexts(), await page.locator("td.new").allInnerTexts()];
    await page.getByRole("row", { name: /^2 / }).getByRole("button", { name: "Bring back" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Bring back" }).click();
    await page.getByText("Revision 2 is back").waitFor();
    await page.getByLabel("Timeout of a call").waitFor();
    return { sides, now: await page.getByLabel("Timeout of a call").inputValue() };
}
