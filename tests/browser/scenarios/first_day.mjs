// What somebody does who has just run the first command; how many clicks that takes.
import { readFile } from "node:fs/promises";

export default async function ({ open, given }) {
    const page = await open();
    let clicks = 0;
    const click = async (what) => {
        clicks++;
        await what.click();
    };
    /** Opened, and one taken: two clicks. Between fields, the keyboard goes. */
    const choose = async (what, option) => {
        clicks += 2;
        await what.selectOption(option);
    };
    await page.goto("/");
    await page.waitForURL(/\/login/);
    await page.getByLabel("User name").fill("admin");
    await page.getByLabel("Password").fill(given.passwords.admin);
    await click(page.getByRole("button", { name: "Log in" }));
    await page.getByRole("heading", { name: "Choose a password of your own" }).waitFor();
    await page.getByLabel("New password").fill(given.own);
    await page.getByLabel("The same once more").fill(given.own);
    await click(page.getByRole("button", { name: "Choose a password of your own" }));
    await page.getByRole("heading", { name: "Home" }).waitFor();

    await click(page.getByRole("link", { name: "Import and export" }));
    const dropped = await page.evaluateHandle(
        ([name, text]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], name, { type: "application/json" }));
            return transfer;
        },
        [given.file.split("/").pop(), await readFile(given.file, "utf8")],
    );
    await page.locator(".drop").dispatchEvent("drop", { dataTransfer: dropped });
    await click(page.getByRole("button", { name: "Import", exact: true }));
    await page.getByText("This was done").waitFor();

    await click(page.getByRole("link", { name: "MCP server", exact: true }));
    await click(page.getByRole("link", { name: "New", exact: true }));
    await page.getByLabel("Name").first().fill("docs");
    await choose(page.getByLabel("Transport"), "http");
    await page.getByLabel("Address").fill("https://mcp.example.org/mcp");
    await click(page.getByRole("button", { name: "Save" }));
    await page.getByRole("link", { name: "docs" }).waitFor();

    await click(page.getByRole("link", { name: "Home" }));
    await choose(page.getByLabel("Current profile").first(), given.profile);
    await page.getByText(`${given.profile} is the current profile now`).waitFor();
    return { clicks };
}
