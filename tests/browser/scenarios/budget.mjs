// The first page after the login, nothing of it in the browser yet: how many requests, how many bytes, how much jumps.
export default async function ({ open, watchShift }) {
    const page = await open({ user: "admin" });
    const network = await page.context().newCDPSession(page);
    const asked = [];
    let bytes = 0;
    page.on("request", (request) => {
        const sent = !request.url().startsWith("data:") && !request.redirectedFrom(); // no redirect is followed
        if (sent) asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    page.on("websocket", (socket) => asked.push(new URL(socket.url()).pathname));
    network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await network.send("Network.enable");
    const shift = await watchShift(page);
    await page.goto("/console/");
    await page.getByRole("heading", { name: "What changed lately" }).waitFor();
    await page.getByRole("row").nth(1).waitFor();
    await page.waitForLoadState("networkidle");
    return { asked, bytes, shift: await shift() };
}
