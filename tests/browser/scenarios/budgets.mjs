// Budgets: an administrator makes one, is told what is wrong and where, changes and deletes it; what is spent elsewhere is seen; webhooks are
// added, tested and changed; a member only reads.
import axe from "axe-core";

const one = (text) => text.replace(/\s+/g, " ").trim();
const SERIOUS = ["serious", "critical"];

async function serious(page) {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => window.axe.run());
    return violations.filter((each) => SERIOUS.includes(each.impact)).map((each) => each.id);
}

/** The field of the dialog that has the keyboard, and what is said to be wrong with it. */
const wrong = (page) =>
    page.evaluate(() => {
        const at = document.activeElement;
        const said = document.getElementById(at.getAttribute("aria-describedby"));
        return [at.labels?.[0]?.textContent ?? at.getAttribute("aria-labelledby"), said?.textContent ?? ""];
    });

const ask = (page, path, options = {}) =>
    page.evaluate(
        ([to, given]) =>
            fetch(`/api${to}`, { headers: { "Content-Type": "application/json" }, ...given }).then((answer) =>
                answer.json().then(({ data }) => ({ status: answer.status, data })),
            ),
        [path, options],
    );

export default async function ({ open, given, listens }) {
    const page = await open({ user: "admin" });
    const done = { axe: {} };
    await page.goto("/console/usage");
    await page.getByRole("navigation", { name: "Usage" }).getByRole("link", { name: "Budgets" }).click();
    await page.getByText("No budgets yet").waitFor();
    const dialog = page.getByRole("dialog");
    const field = (name) => dialog.getByLabel(name, { exact: true });
    const save = () => dialog.getByRole("button", { name: "Save" }).click();

    // One that is wrong first, by the keyboard.
    await page.getByRole("button", { name: "Make a budget" }).focus();
    await page.keyboard.press("Enter");
    await field("Name").waitFor();
    done.hidden = [await field("First day").isVisible(), await field("Switch to the profile").isVisible()];
    await page.keyboard.type("Team");
    await field("Amount, US$").fill("0");
    await page.keyboard.press("Enter");
    await dialog.getByRole("alert").waitFor();
    done.wrongAmount = await wrong(page);
    await field("Amount, US$").fill("10");
    await field("Levels").fill("50, many");
    await save();
    await page.waitForFunction(() => document.activeElement.labels?.[0]?.textContent === "Levels");
    done.wrongLevels = await wrong(page);
    await field("Levels").fill("50, 100");
    await field("When all is spent").selectOption("switch");
    await save();
    await page.waitForFunction(() => document.activeElement.labels?.[0]?.textContent === "Switch to the profile");
    done.wrongSwitch = await wrong(page);
    await field("Coding CLI").selectOption("claude");
    await dialog.locator("option[value=cheap]").waitFor({ state: "attached" });
    done.offered = await field("Switch to the profile").locator("option").allInnerTexts();
    await field("Switch to the profile").selectOption("cheap");
    done.people = await dialog.getByRole("group").getByRole("checkbox").count();
    await dialog.getByRole("checkbox", { name: "grace" }).check();
    done.suggested = await dialog
        .locator("datalist")
        .nth(2)
        .locator("option")
        .evaluateAll((all) => all.map((each) => each.value));
    done.axe.dialog = await serious(page);
    await save();
    await page.getByText("The budget Team is saved").waitFor();
    const card = page.locator(".budget");
    done.made = (await ask(page, "/usage/budgets")).data.budgets[0];
    done.standing = one(await card.innerText());
    done.bar = await card.getByRole("img").getAttribute("aria-label");

    // The overview has it, too, and leads here.
    await page.goto("/console/usage");
    const heading = page.getByRole("heading", { name: "Budgets" });
    done.overview = one(await page.locator("section", { has: heading }).innerText());
    done.axe.overview = await serious(page);
    await heading.getByRole("link").click();
    await card.waitFor();

    // What is reached meanwhile is seen, and the keyboard stays where it is.
    await listens(page);
    await page.waitForLoadState("networkidle");
    await card.getByRole("button", { name: "Change" }).focus();
    await fetch(`${given.control}/spend`);
    await card.getByText("used up", { exact: true }).waitFor();
    done.reached = one(await card.locator("dd").nth(3).innerText());
    done.spent = await card.getByRole("img").getAttribute("aria-label");
    done.over = await card.locator(".level-over").count();
    done.focused = await page.evaluate(() => document.activeElement.textContent);

    // Changed by somebody else while the form is open: neither is overwritten.
    await page.keyboard.press("Enter");
    await field("Amount, US$").waitFor();
    done.shown = [await field("Amount, US$").inputValue(), await field("Levels").inputValue()];
    done.chosen = await dialog.getByRole("checkbox", { name: "grace" }).isChecked();
    const { id, revision } = done.made;
    const body = { name: "Team", amount: 15, period: "month", users: ["grace"] };
    done.elsewhere =
        (await ask(page, `/usage/budgets/${id}`, { method: "PUT", body: JSON.stringify(body) })).data.revision -
        revision;
    await field("Amount, US$").fill("40");
    await save();
    done.conflict = one(await dialog.getByRole("alert").innerText());
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await card.getByText("of $15.00").waitFor();
    await card.getByRole("button", { name: "Change" }).click();
    await field("Amount, US$").fill("40");
    await field("Period").selectOption("total");
    await field("First day").fill("2026-01-01");
    await field("When all is spent").selectOption("stop");
    await field("Coding CLI").selectOption("");
    await save();
    await card.getByText("of $40.00").waitFor();
    done.changed = (await ask(page, `/usage/budgets/${id}`)).data;

    // Webhooks.
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await field("Name").fill("Chat");
    await field("Address").fill("ftp://example.org");
    await field("Secret that signs").fill("signing-secret-1");
    await save();
    await page.waitForFunction(() => document.activeElement.labels?.[0]?.textContent === "Address");
    done.wrongAddress = await wrong(page);
    await field("Address").fill(`${given.receiver}/hook/of-a-secret-path`);
    await save();
    await page.getByText("The webhook Chat is saved").waitFor();
    const row = page.getByRole("row", { name: "Chat" });
    await row.getByRole("button", { name: "Test" }).click();
    await row.getByText("The test was taken (200)").waitFor();
    await row.getByRole("button", { name: "Change" }).click();
    done.masks = [await field("Address").inputValue(), await field("Secret that signs").inputValue()];
    await field("Name").fill("Chat of the team");
    await save();
    await page.getByText("The webhook Chat of the team is saved").waitFor();
    await Promise.all([
        page
            .waitForResponse((answer) => answer.url().endsWith("/test"))
            .then(() => page.waitForResponse((answer) => answer.url().endsWith("/usage/webhooks"))), // read anew then
        row.getByRole("button", { name: "Test" }).click(),
    ]);
    await fetch(`${given.control}/refuse`);
    await row.getByRole("button", { name: "Test" }).click();
    await row.getByText("The test was not taken").waitFor();
    done.refused = one(await row.innerText());
    await row.getByRole("button", { name: "Change" }).click();
    await field("Kind").selectOption("slack");
    done.slackSecret = await field("Secret that signs").isVisible();
    await save();
    await row.getByText("Slack").waitFor();
    done.webhook = (await ask(page, "/usage/webhooks")).data.webhooks[0];

    // Both themes and languages; on paper no buttons.
    done.axe.light = await serious(page);
    await page.emulateMedia({ media: "print" });
    done.printed = await page.locator("main").getByRole("button").count();
    await page.emulateMedia({ media: "screen" });
    const chinese = await open({ user: "admin", language: "zh-CN", theme: "dark" });
    await chinese.goto("/console/usage/budgets");
    await chinese.locator(".budget").waitFor();
    done.axe.dark = await serious(chinese);
    done.chinese = one(await chinese.locator(".budget p").first().innerText());

    // A member reads.
    const viewer = await open({ user: "eve" });
    await viewer.goto("/console/usage/budgets");
    await viewer.locator(".budget").waitFor();
    await viewer.getByText("Chat of the team").waitFor();
    done.viewer = {
        buttons: await viewer.locator("main").getByRole("button").count(),
        told: await viewer.getByText("Administrators of the workspace make").isVisible(),
        put: (await ask(viewer, `/usage/budgets/${id}`, { method: "PUT", body: JSON.stringify(body) })).status,
        webhook: (
            await ask(viewer, `/usage/webhooks/${done.webhook.id}`, {
                method: "PUT",
                body: '{"name":"x","kind":"plain"}',
            })
        ).status,
    };

    // Away with them.
    await row.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No webhooks yet").waitFor();
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    done.focusedAfter = [await focused()];
    await card.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No budgets yet").waitFor();
    done.focusedAfter.push(await focused());
    done.left = (await ask(page, "/usage/budgets")).data.total;
    return done;
}
