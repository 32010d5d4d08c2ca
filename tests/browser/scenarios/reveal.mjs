// Secrets are shown to who types the password; the form and the native file never have them.
export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    await fetch(`${given.control}/unconfirm`);
    await page.goto("/console/resources/claude/mcp_server/item/docs");
    await page.getByRole("button", { name: "As its file" }).click();
    const file = await page.getByRole("dialog").innerText();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Show secrets" }).click();
    const asked = page.getByRole("dialog", { name: "Your password, please" });
    await asked.getByLabel("Password").fill("not it at all");
    await asked.getByRole("button", { name: "Go on" }).click();
    await asked.getByRole("alert").getByText(/\w/).waitFor();
    await asked.getByLabel("Password").fill(given.passwords.admin);
    await asked.getByRole("button", { name: "Go on" }).click();
    const shown = page.getByRole("dialog", { name: "Show secrets" });
    await shown.waitFor();
    return { file, shown: await shown.innerText() };
}
