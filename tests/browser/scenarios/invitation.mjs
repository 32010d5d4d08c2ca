// A link that an administrator made: a new person makes an account with it, once; who has an account accepts one; one that has expired
// says so.
export default async function ({ open, given }) {
    const admin = await open({ user: "admin" });
    const makeLink = async (accounts) => {
        await admin.goto("/console/workspace");
        await admin.getByRole("button", { name: "Invite" }).click();
        const dialog = admin.getByRole("dialog");
        await dialog.getByLabel("Role").selectOption("editor");
        await dialog.getByLabel("who has no account may make one").setChecked(accounts);
        await dialog.getByRole("button", { name: "Invite" }).click();
        const link = await admin.getByRole("textbox", { name: "whoever has the link" }).inputValue();
        await admin.getByRole("button", { name: "Close" }).click();
        await admin
            .getByRole("cell", { name: "whoever has the link" })
            .or(admin.getByRole("rowheader", { name: "whoever has the link" }))
            .waitFor();
        return link;
    };

    const forNew = await makeLink(true);
    const newcomer = await open();
    await newcomer.goto(forNew);
    await newcomer.getByRole("heading", { name: "Make an account" }).waitFor();
    const told = await newcomer.getByRole("main").innerText();
    await newcomer.getByLabel("User name").fill("newcomer");
    await newcomer.getByLabel("New password").fill(given.own);
    await newcomer.getByLabel("The same once more").fill("something else");
    await newcomer.getByRole("button", { name: "Make an account" }).click();
    await newcomer.getByText("The two are not the same").waitFor();
    await newcomer.getByLabel("The same once more").fill(given.own);
    await newcomer.getByRole("button", { name: "Make an account" }).click();
    await newcomer.getByRole("heading", { name: "Home" }).waitFor();
    const workspaces = await newcomer.getByLabel("Workspace").locator("option").allInnerTexts();

    const late = await open();
    await late.goto(forNew);
    await late.getByRole("alert").getByText("This invitation is not open").waitFor();
    await late.goto(given.expired);
    await late.getByRole("alert").getByText("has expired").waitFor();

    const forMembers = await makeLink(false);
    const henry = await open({ user: "henry" });
    await henry.goto(forMembers);
    await henry.getByText("You are logged in as henry").waitFor();
    await henry.getByRole("button", { name: "Accept the invitation" }).click();
    await henry.getByRole("heading", { name: "Home" }).waitFor();
    const at = await henry.getByLabel("Workspace").locator("option:checked").innerText();

    // Who is not logged in logs in, and is taken in.
    const forIris = await makeLink(false);
    const iris = await open();
    await iris.goto(forIris);
    await iris.getByText("invites you to the workspace").waitFor();
    await iris.getByLabel("User name").fill("iris");
    await iris.getByLabel("Password").fill(given.passwords.iris);
    await iris.getByRole("button", { name: "Log in" }).click();
    await iris.getByLabel("New password").fill(given.own); // somebody else chose the first
    await iris.getByLabel("The same once more").fill(given.own);
    await iris.getByRole("button", { name: "Choose a password of your own" }).click();
    await iris.getByRole("heading", { name: "Home" }).waitFor();
    return { told, workspaces, at, irisAt: await iris.getByLabel("Workspace").locator("option:checked").innerText() };
}
