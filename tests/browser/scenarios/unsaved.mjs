// What is typed is not lost by a mis-click: a link, the back button, a closed or reloaded tab.
export default async function ({ open }) {
    const page = await open({ user: "admin" });
    const asked = [];
    page.on("dialog", (dialog) => {
        asked.push(dialog.type());
        return dialog.dismiss();
    });
    await page.goto("/console/resources/claude/mcp_server");
    await page.getByRole("link", { name: "one", exact: true }).click();
    const field = page.getByRole("textbox", { name: "Command secret" });
    await field.waitFor();
    await field.fill("typed and not saved");
    const stay = async (leave) => {
        await leave();
        const dialog = page.getByRole("dialog", { name: "Leave without saving?" });
        await dialog.getByRole("button", { name: "Cancel" }).click();
        return field.inputValue();
    };
    const kept = [
        await stay(() => page.getByRole("link", { name: "Home" }).click()),
        await stay(() => page.evaluate(() => history.back())),
        await stay(() => page.getByRole("button", { name: "Log out" }).click()),
    ];
    await page.reload({ timeout: 5000 }).catch(() => null); // called off
    kept.push(await field.inputValue());
    await page.getByRole("link", { name: "Home" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "Home" }).waitFor();
    return { kept, asked };
}
