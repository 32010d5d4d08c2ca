// From the login to CCR UI and to the console, which has a link to it where it is installed.
export default async function ({ open, given }) {
    const page = await open({ user: "admin" });
    await page.goto("/console/");
    await page.getByRole("link", { name: "API", exact: true }).waitFor();
    const link = page.getByRole("link", { name: "CCR UI", exact: true });
    if (!given.there) {
        if (await link.count()) throw new Error("a link to what is not there");
        return {};
    }
    await link.click();
    const said = page.getByText("stands in for");
    await said.waitFor();
    const colour = await said.evaluate((element) => getComputedStyle(element).color);
    if (colour !== "rgb(1, 2, 3)") throw new Error(`its style is not allowed: ${colour}`);
    return { said: await said.textContent() };
}
