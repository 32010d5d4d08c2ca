/* Settings: one key of a CLI's own settings file that is no kind of its own, under its name with dots ("permissions.defaultMode",
 * features."a.b"), with whatever value it has. What its texts say is secret unless the key is known to be harmless. */
#include <string.h>

#include "resource.h"
#include "util.h"

static const struct column columns[] = {
    {{"value", FIELD_JSON, FIELD_REQUIRED, .max = 16 * KIB}, COLUMN_SECRET, {"Value", "值"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* Keys of some platforms, "a|b.c"; each stands for all below it as well. */
struct keys {
    unsigned platforms;
    const char *paths;
};

static const struct keys harmless[] = {
    {ON_CLAUDE,
     "agent|attribution|autoUpdatesChannel|availableModels|effortLevel|fallbackModel|forceLoginMethod|language|"
     "minimumVersion|model|outputStyle|permissions.defaultMode|theme"},
    {ON_CODEX, "approval_policy|approvals_reviewer|cli_auth_credentials_store|default_permissions|features|file_opener|"
               "forced_login_method|history.persistence|model|model_provider|model_reasoning_effort|"
               "model_reasoning_summary|model_verbosity|personality|plan_mode_reasoning_effort|review_model|"
               "sandbox_mode|service_tier|tui.theme"},
    {ON_GEMINI | ON_QWEN, "context.fileName|model.name|security.auth.selectedType|ui.theme"},
    {ON_QWEN, "fastModel|general.outputStyle"},
    {ON_IFLOW, "approvalMode|contextFileName|language|modelName|selectedAuthType|theme"},
    {ON_DROID, "diffMode|model|reasoningEffort|sessionDefaultSettings"},
};

/* What is of another kind. */
static const struct keys elsewhere[] = {
    {ON_ALL, "hooks"},
    {ON_ALL & ~ON_CODEX, "mcpServers"},
    {ON_CODEX, "marketplaces|mcp_servers|plugins"},
    {ON_CLAUDE | ON_DROID, "enabledPlugins|extraKnownMarketplaces|statusLine"},
    {ON_CLAUDE | ON_QWEN, "permissions.allow|permissions.ask|permissions.deny"},
    {ON_QWEN, "modelProviders"},
    {ON_DROID, "customModels"},
};

/* The name is one of "a|b.c", or below it. */
static bool is_within(const char *paths, const char *name)
{
    for (size_t length = 0; *paths; paths += length + (paths[length] == '|')) {
        length = strcspn(paths, "|");
        if (strncmp(name, paths, length) == 0 && (name[length] == '.' || !name[length]))
            return true;
    }
    return false;
}

static bool is_among(const struct keys *keys, size_t count, const char *platform, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if ((keys[i].platforms & platform_bit(platform)) && is_within(keys[i].paths, name))
            return true;
    return false;
}

static bool is_harmless(const char *platform, const char *name)
{
    return is_among(harmless, ARRAY_SIZE(harmless), platform, name);
}

static const char *reserved(const char *platform, const char *name)
{
    return is_among(elsewhere, ARRAY_SIZE(elsewhere), platform, name) ? name : NULL;
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

/* Keys name commands that run on every machine of the team. */
/* clang-format off */
const struct kind kind_settings = {
    "settings", {"Setting", "设置项"}, columns, ON_ALL, .write = ACCESS_ADMIN,
    .harmless = is_harmless, .reserved = reserved, .check_name = check_name, .renamed = renamed,
};
