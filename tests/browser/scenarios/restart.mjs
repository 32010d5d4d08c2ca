// The backend goes away under an open page and comes back: it is said, and goes on by itself, as do live events.
export default async function ({ open, given, whileAway, listens }) {
    const page = await open({ user: "admin" });
    await page.goto(given.path);
    await page.getByRole("searchbox").waitFor();
    await listens(page);
    const control = (verb) => fetch(`${given.control}/${verb}`);
    await whileAway(async () => {
        await control("stop");
        await page.getByRole("searchbox").fill("one");
        await page.getByText("The connection is lost").waitFor();
        await control("start");
        await page.getByText("Connected again").waitFor();
        await page.getByRole("link", { name: "one", exact: true }).waitFor();
        await listens(page);
    });
    return {};
}
