// A list that is searched in while others change something in it: their change has the list ask again before the search does, with what is
// typed by then, so something may be chosen already when the search asks the same. The page's clock stands, so the order is certain.
export default async function ({ open, listens, given }) {
    const [page, other] = [await open({ user: "admin" }), await open({ user: "grace" })];
    const list = "/console/resources/droid/mcp_server";
    const add = async (name) => {
        const data = { name, transport: "stdio", command: "run" };
        const headers = { origin: given.url };
        const answer = await other.request.post(list.replace("/console", "/api"), { data, headers });
        if (!answer.ok()) throw new Error(await answer.text());
    };
    const addAndHear = async (name) => {
        const heard = new Promise((done) => (hear = done));
        await add(name);
        await heard;
    };
    let hear = () => {};
    page.on("websocket", (socket) => socket.on("framereceived", () => hear()));
    await add("one");
    await page.addInitScript(() => (Math.random = () => 0.5)); // asks again 350 ms after the change
    await page.clock.install();
    await page.goto(list);
    await listens(page);
    const search = page.getByRole("searchbox");
    const choose = page.getByRole("checkbox", { name: "Choose one", exact: true });
    await search.fill("no such thing");
    await choose.waitFor({ state: "detached" });
    await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 5000);

    await addAndHear("more");
    await page.clock.runFor(200);
    await search.fill("");
    await page.clock.runFor(150); // the change's
    await choose.check();
    await addAndHear("most");
    await page.clock.runFor(50); // the search's
    await page.getByRole("link", { name: "most" }).waitFor();
    const chosen = await choose.isChecked();
    await search.fill("one");
    await page.clock.runFor(200);
    await page.getByRole("link", { name: "most" }).waitFor({ state: "detached" });
    return { chosen, elsewhere: await choose.isChecked() };
}
