// What one browser changes is seen in the other: in a list, which keeps what is chosen and focused, and in an open form, which keeps
// what is typed. What one does oneself is not told.
export default async function ({ open, listens }) {
    const [first, second] = [await open({ user: "admin" }), await open({ user: "grace" })];
    const list = "/console/resources/claude/mcp_server";
    await second.goto(list);
    const choose = second.getByRole("checkbox", { name: "Choose one" });

    // A list. A row that did not change is left alone: a click that has begun arrives.
    await choose.hover();
    await second.mouse.down();
    await first.goto(`${list}/new`);
    await first.getByLabel("Name").first().fill("others");
    await first.getByLabel("Transport").selectOption("http");
    await first.getByLabel("Address").fill("https://mcp.example.org/mcp");
    await first.getByRole("button", { name: "Save" }).click();
    await first.getByText("is saved").waitFor();
    await second.getByRole("link", { name: "others" }).waitFor();
    await second.mouse.up();
    const clicked = await choose.isChecked();

    // A row that is made anew keeps what is chosen and focused.
    await choose.focus();
    await first.goto(list);
    await first.getByRole("switch", { name: "one is on" }).uncheck();
    await second.getByRole("switch", { name: "one is on", checked: false }).waitFor();
    const chosen = await choose.isChecked();
    const focused = await second.evaluate(() => document.activeElement.getAttribute("aria-label"));

    // An open form, in which something is typed.
    for (const page of [first, second]) {
        await page.goto(`${list}/item/one`);
        await page.getByRole("textbox", { name: "Command secret" }).waitFor();
        await listens(page);
    }
    const field = second.getByRole("textbox", { name: "Command secret" });
    await field.fill("typed by the second");
    const place = () => field.evaluate((element) => element.getBoundingClientRect().top);
    const before = await place();
    await first.getByLabel("Timeout of a call").fill("1234");
    await first.getByRole("button", { name: "Save" }).click();
    await first.getByText("is saved").waitFor();
    const told = second.getByText("Changed by admin");
    await told.waitFor();
    const moved = (await place()) - before;
    const seen = await told.evaluate((element) => element.getBoundingClientRect().bottom <= innerHeight);
    const toldOfOwn = await first.getByText("Changed by").isVisible();
    await second.getByRole("button", { name: "Load it" }).click();
    await told.waitFor({ state: "hidden" });
    const typed = await field.inputValue();
    const loaded = await second.getByLabel("Timeout of a call").inputValue();
    await second.getByRole("button", { name: "Save" }).click();
    await second.getByText("is saved").waitFor();
    await first.getByText("Changed by grace").waitFor();
    return { clicked, chosen, focused, moved, seen, toldOfOwn, typed, loaded };
}
