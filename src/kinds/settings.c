/* Settings: one key of a CLI's own settings file that is no kind of its own, under its name with dots ("permissions.defaultMode",
 * features."a.b"), with whatever value it has. What its texts say is secret unless the key is known to be harmless. */
#include <string.h>

#include "resource.h"
#include "util.h"

static const struct column columns[] = {
    {{"value", FIELD_JSON, FIELD_REQUIRED, .max = 16 * KIB}, COLUMN_SECRET, {"Value", "值"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* A key and all below it. */
struct key {
    const char *path;
    unsigned platforms;
};

static const struct key harmless[] = {
    {"agent", ON_CLAUDE},
    {"approvalMode", ON_IFLOW},
    {"approval_policy", ON_CODEX},
    {"approvals_reviewer", ON_CODEX},
    {"attribution", ON_CLAUDE},
    {"autoUpdatesChannel", ON_CLAUDE},
    {"availableModels", ON_CLAUDE},
    {"cli_auth_credentials_store", ON_CODEX},
    {"context.fileName", ON_GEMINI | ON_QWEN},
    {"contextFileName", ON_IFLOW},
    {"default_permissions", ON_CODEX},
    {"diffMode", ON_DROID},
    {"effortLevel", ON_CLAUDE},
    {"fallbackModel", ON_CLAUDE},
    {"fastModel", ON_QWEN},
    {"features", ON_CODEX},
    {"file_opener", ON_CODEX},
    {"forceLoginMethod", ON_CLAUDE},
    {"forced_login_method", ON_CODEX},
    {"general.outputStyle", ON_QWEN},
    {"history.persistence", ON_CODEX},
    {"language", ON_CLAUDE | ON_IFLOW},
    {"minimumVersion", ON_CLAUDE},
    {"model", ON_CLAUDE | ON_CODEX | ON_DROID},
    {"model.name", ON_GEMINI | ON_QWEN},
    {"modelName", ON_IFLOW},
    {"model_provider", ON_CODEX},
    {"model_reasoning_effort", ON_CODEX},
    {"model_reasoning_summary", ON_CODEX},
    {"model_verbosity", ON_CODEX},
    {"outputStyle", ON_CLAUDE},
    {"permissions.defaultMode", ON_CLAUDE},
    {"personality", ON_CODEX},
    {"plan_mode_reasoning_effort", ON_CODEX},
    {"reasoningEffort", ON_DROID},
    {"review_model", ON_CODEX},
    {"sandbox_mode", ON_CODEX},
    {"security.auth.selectedType", ON_GEMINI | ON_QWEN},
    {"selectedAuthType", ON_IFLOW},
    {"service_tier", ON_CODEX},
    {"sessionDefaultSettings", ON_DROID},
    {"theme", ON_CLAUDE | ON_IFLOW},
    {"tui.theme", ON_CODEX},
    {"ui.theme", ON_GEMINI | ON_QWEN},
};

/* What other kinds are. */
static const struct key elsewhere[] = {
    {"customModels", ON_DROID},
    {"enabledPlugins", ON_CLAUDE | ON_DROID},
    {"extraKnownMarketplaces", ON_CLAUDE | ON_DROID},
    {"hooks", ON_ALL},
    {"marketplaces", ON_CODEX},
    {"mcpServers", ON_ALL & ~ON_CODEX},
    {"mcp_servers", ON_CODEX},
    {"modelProviders", ON_QWEN},
    {"permissions.allow", ON_CLAUDE | ON_QWEN},
    {"permissions.ask", ON_CLAUDE | ON_QWEN},
    {"permissions.deny", ON_CLAUDE | ON_QWEN},
    {"plugins", ON_CODEX},
    {"statusLine", ON_CLAUDE | ON_DROID},
};

static const char *find_key(const struct key *keys, size_t count, const char *platform, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(keys[i].path);
        bool within = strncmp(name, keys[i].path, length) == 0 && (name[length] == '.' || !name[length]);
        if (within && (keys[i].platforms & platform_bit(platform)))
            return keys[i].path;
    }
    return NULL;
}

static bool is_harmless(const char *platform, const char *name)
{
    return find_key(harmless, ARRAY_SIZE(harmless), platform, name) != NULL;
}

static const char *reserved(const char *platform, const char *name)
{
    return find_key(elsewhere, ARRAY_SIZE(elsewhere), platform, name);
}

/* The length of the key that a name begins with: letters, digits, '_', '-', '$', or anything in double quotes. 0 = none. */
static size_t key_length(const char *name)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$";
    if (*name != '"')
        return strspn(name, bare);
    size_t length = strcspn(name + 1, "\"");
    return length && name[1 + length] ? length + 2 : 0;
}

static enum error check_name(struct actor *actor, const char *platform, const char *field, const char *name)
{
    (void)platform;
    for (size_t length = key_length(name); length; length = key_length(name)) {
        name += length;
        if (!*name)
            return ERR_NONE;
        if (*name++ != '.')
            break;
    }
    return fail_field(actor, field, MSG_KEY_PATH, NULL);
}

/* What was harmless under the old name may not be under the new one, and the other way round. */
static enum error renamed(struct actor *actor, const struct resource *r, const char *old_name)
{
    json_t *values;
    struct resource after = *r;
    if (is_harmless(r->platform, r->name) == is_harmless(r->platform, old_name))
        return ERR_NONE;
    enum error error = resource_values(actor, r, &values);
    if (error)
        return error;
    resource_seal(actor, &after, values);
    return resource_save(actor, "update", r, &after);
}

const struct kind kind_settings = {
    .name = "settings",
    .label = {"Setting", "设置项"},
    .columns = columns,
    .platforms = ON_ALL,
    .write = ACCESS_ADMIN, /* keys name commands that run on every machine of the team */
    .harmless = is_harmless,
    .reserved = reserved,
    .check_name = check_name,
    .renamed = renamed,
};
