// Two people have one form open: who saves second sees both versions, and nothing is lost.
export default async function ({ open, given }) {
    const [first, second] = [await open({ user: "admin" }), await open({ user: "grace" })];
    for (const page of [first, second]) {
        await page.goto(given.path);
        await page.getByRole("textbox", { name: "Command secret" }).waitFor();
    }
    await first.getByRole("textbox", { name: "Command secret" }).fill("by the first");
    await first.getByRole("button", { name: "Save" }).click();
    await first.getByText("is saved").waitFor();
    await second.getByRole("textbox", { name: "Command secret" }).fill("by the second");
    await second.getByRole("button", { name: "Save" }).click();
    const dialog = second.getByRole("dialog");
    await dialog.getByText(/Changed by admin/).waitFor();
    const said = await dialog.innerText();
    await dialog.getByRole("button", { name: "Save mine over it" }).click();
    await second.getByText("is saved").waitFor();
    return { said };
}
