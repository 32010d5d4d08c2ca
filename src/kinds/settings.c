/* Settings: one key of a CLI's own settings file that is no kind of its own, under its name with dots ("permissions.defaultMode",
 * features."a.b"), with whatever value it has. What its texts say is secret unless the key is known to be harmless. */
#include <string.h>

#include "native.h"
#include "resource.h"
#include "util.h"

static const struct column columns[] = {
    {{"value", FIELD_JSON, FIELD_REQUIRED, .max = 16 * KIB}, COLUMN_SECRET, {"Value", "值"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* Keys of some platforms, "a|b.c"; each stands for all below it as well. */
static const struct {
    unsigned platforms;
    const char *paths;
} harmless[] = {
    {ON_CLAUDE,
     "agent|attribution|autoUpdatesChannel|availableModels|effortLevel|fallbackModel|forceLoginMethod|language|"
     "minimumVersion|model|outputStyle|permissions.defaultMode|theme"},
    {ON_CODEX, "approval_policy|approvals_reviewer|cli_auth_credentials_store|default_permissions|features|file_opener|"
               "forced_login_method|history.persistence|model|model_provider|model_reasoning_effort|"
               "model_reasoning_summary|model_verbosity|personality|plan_mode_reasoning_effort|review_model|"
               "sandbox_mode|service_tier|tui.theme"},
    {ON_GEMINI | ON_QWEN, "context.fileName|model.name|security.auth.selectedType|ui.theme"},
    {ON_QWEN, "fastModel|general.outputStyle"},
    {ON_IFLOW, "approvalMode|contextFileName|language|selectedAuthType|theme"},
    {ON_DROID, "diffMode|model|reasoningEffort|sessionDefaultSettings"},
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

static bool is_harmless(const char *platform, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
        if ((harmless[i].platforms & platform_bit(platform)) && is_within(harmless[i].paths, name))
            return true;
    return false;
}

/* What is of another kind. */
static const char *reserved(const char *platform, const char *name)
{
    return native_claims(platform_bit(platform), name) ? name : NULL;
}

static enum error check_name(struct actor *actor, const char *platform, const char *field, const char *name)
{
    (void)platform;
    for (size_t length = native_key(name); length; length = native_key(name)) {
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
    "settings", {"Setting", "设置项"}, columns, ON_ALL, KIND_ANY_NAME | KIND_LOCAL, .write = ACCESS_ADMIN,
    .harmless = is_harmless, .reserved = reserved, .check_name = check_name, .renamed = renamed,
};
