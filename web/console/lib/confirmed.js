// What needs the password typed within the last minutes: asks for it when the server does.
import { post } from "./api.js";
import { askFor, OFF, t } from "./ui.js";

/** Does `work`; its answer, or OFF when the password was not given. */
export async function confirmed(work) {
    try {
        return await work();
    } catch (error) {
        if (!error.details.confirm) throw error;
        const done = await askFor(
            t("password.title"),
            [{ name: "password", label: t("login.password"), type: "password", autocomplete: "current-password" }],
            t("password.go_on"),
            ({ password }) => post("/auth/password/confirm", { password }).then(() => true),
            { text: t("password.why") },
        );
        return done ? work() : OFF;
    }
}
