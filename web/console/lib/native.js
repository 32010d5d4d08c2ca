// Where a dropped file belongs among a CLI's own: by its path where it has one, else by its name and what stands in it.

/** The first row of the platform whose test holds. Rows: [what the file's name ends with, what its text has, the path]. */
const PLACES = {
    claude: [
        [/(^|\/)\.mcp\.json$/, null, ".mcp.json"],
        [/\.json$/, /"mcpServers"\s*:/, ".mcp.json"],
        [/\.json$/, null, ".claude/settings.json"],
        [/(^|\/)CLAUDE\.md$/, null, "CLAUDE.md"],
        [/(^|\/)SKILL\.md$/, null, ".claude/skills/{folder}/SKILL.md"],
        [/\.md$/, /^---[\s\S]*?\n(name|tools|model)\s*:[\s\S]*?\n---/, ".claude/agents/{name}"],
        [/\.md$/, null, ".claude/commands/{name}"],
    ],
    codex: [
        [/(^|\/)hooks\.json$/, null, ".codex/hooks.json"],
        [/(^|\/)auth\.json$/, null, ".codex/auth.json"],
        [/(^|\/)AGENTS\.md$/, null, "AGENTS.md"],
        [/(^|\/)SKILL\.md$/, null, ".codex/skills/{folder}/SKILL.md"],
        [/\.toml$/, /^\s*developer_instructions\s*=/m, ".codex/agents/{name}"],
        [/\.toml$/, null, ".codex/config.toml"],
    ],
    gemini: [
        [/\.toml$/, null, ".gemini/commands/{name}"],
        [/(^|\/)GEMINI\.md$/, null, "GEMINI.md"],
        [/(^|\/)SKILL\.md$/, null, ".gemini/skills/{folder}/SKILL.md"],
        [/\.md$/, null, ".gemini/agents/{name}"],
        [/\.json$/, null, ".gemini/settings.json"],
    ],
    qwen: [
        [/(^|\/)QWEN\.md$/, null, "QWEN.md"],
        [/(^|\/)SKILL\.md$/, null, ".qwen/skills/{folder}/SKILL.md"],
        [/\.toml$/, null, ".qwen/commands/{name}"],
        [/\.md$/, /^---[\s\S]*?\nname\s*:[\s\S]*?\n---/, ".qwen/agents/{name}"],
        [/\.md$/, null, ".qwen/commands/{name}"],
        [/\.jsonc?$/, null, ".qwen/settings.json"],
    ],
    iflow: [
        [/(^|\/)IFLOW\.md$/, null, "IFLOW.md"],
        [/(^|\/)SKILL\.md$/, null, ".iflow/skills/{folder}/SKILL.md"],
        [/\.md$/, /^---[\s\S]*?\nname\s*:[\s\S]*?\n---/, ".iflow/agents/{name}"],
        [/\.md$/, null, ".iflow/commands/{name}"],
        [/\.json$/, null, ".iflow/settings.json"],
    ],
    droid: [
        [/(^|\/)hooks\.json$/, null, ".factory/hooks.json"],
        [/\.json$/, /"mcpServers"\s*:/, ".factory/mcp.json"],
        [/(^|\/)AGENTS\.md$/, null, "AGENTS.md"],
        [/(^|\/)SKILL\.md$/, null, ".factory/skills/{folder}/SKILL.md"],
        [/\.md$/, /^---[\s\S]*?\n(tools|model|name)\s*:[\s\S]*?\n---/, ".factory/droids/{name}"],
        [/\.md$/, null, ".factory/commands/{name}"],
        [/\.json$/, null, ".factory/settings.json"],
    ],
};
const KNOWN = /(^|\/)(\.(claude|codex|gemini|qwen|iflow|factory|agents|agent)\/.*|\.claude\.json|\.mcp\.json)$/;

/** The path of a file for an import on the platform. */
export function placeOf(platform, path, text) {
    const known = KNOWN.exec(path);
    if (known) return known[2];
    const parts = path.split("/");
    const name = parts[parts.length - 1],
        folder = parts[parts.length - 2] || name.replace(/\.\w+$/, "");
    const found = (PLACES[platform] || []).find(([ends, has]) => ends.test(path) && (!has || has.test(text)));
    return found ? found[2].replace("{name}", name).replace("{folder}", folder) : path;
}

/** CCR's own TOML: profiles as tables with base_url or auth_token, or the registry. */
export const isProfiles = (path, text) =>
    /\.toml$/.test(path) &&
    (/^\s*(current_config|default_config|default_platform|current_platform)\s*=/m.test(text) ||
        /^\s*auth_token\s*=/m.test(text));

const base64 = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(text);
};

/** A file's content as the API takes it: its text, or {base64}. */
export async function contentOf(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return { base64: base64(bytes) };
    }
}

const entries = (reader) => new Promise((done, stop) => reader.readEntries(done, stop));
const fileOf = (entry) => new Promise((done, stop) => entry.file(done, stop));

/** Every file of what was dropped, folders opened: [{path, file}]. */
export async function dropped(transfer) {
    const found = [];
    const walk = async (entry, path) => {
        if (entry.isFile) return void found.push({ path, file: await fileOf(entry) });
        const reader = entry.createReader();
        for (let some = await entries(reader); some.length; some = await entries(reader))
            for (const each of some) await walk(each, `${path}/${each.name}`);
    };
    // The list is empty after the first await. What is no file of a folder, as an attachment of a mail, has no entry.
    const tops = [...transfer.items]
        .filter((item) => item.kind === "file")
        .map((item) => [item.webkitGetAsEntry(), item.getAsFile()]);
    for (const [entry, file] of tops)
        if (entry) await walk(entry, entry.name);
        else found.push({ path: file.name, file });
    return found;
}
