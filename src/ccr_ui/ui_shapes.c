/* Shapes: members of CCR UI's objects, and what no row of members can say. */
#include "ui_shapes.h"

#include <string.h>

#include "json.h"
#include "native.h"
#include "util.h"

enum { COMMAND_BYTES = 64 * KIB };

/* ---- MCP servers ------------------------------------------------------------------------------------------------ */

static const struct ui_member mcp_server[] = {
    {"name", UI_NAME, NULL, 0},           {"command", UI_TEXT, "command", 0},
    {"args", UI_LIST, "args", 0},         {"env", UI_MAP, "env", 0},
    {"disabled", UI_DISABLED, NULL, 0},   {"type", UI_OPTIONAL, "transport", UI_KEPT},
    {"url", UI_OPTIONAL, "url", UI_KEPT}, {0},
};

static bool says(const json_t *values, const char *column)
{
    return !is_blank(json_text_at(values, column));
}

/* The form knows no transport: a command is started, an address without one is asked. */
static void take_transport(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                           json_t *values)
{
    const char *was = json_text_at(values, "transport"), *transport = NULL;
    bool command = says(values, "command"), url = says(values, "url");
    (void)actor;
    (void)name;
    if (says(sent, "type"))
        return;
    if (!was || strcmp(was, "stdio") == 0)
        transport = url && !command ? "http" : "stdio";
    else if (command && !says(resource_shown(before), "command"))
        transport = "stdio";
    if (transport)
        json_object_set_new(values, "transport", json_string(transport));
}

const struct ui_shape ui_mcp_server = {mcp_server, .taken = take_transport};

static const struct ui_member mcp_codex[] = {
    {"name", UI_NAME, NULL, 0},
    {"command", UI_OPTIONAL, "command", 0},
    {"args", UI_OPTIONAL, "args", 0},
    {"env", UI_OPTIONAL, "env", 0},
    {"url", UI_OPTIONAL, "url", 0},
    {"cwd", UI_OPTIONAL, "cwd", UI_KEPT},
    {"startup_timeout_ms", UI_OPTIONAL, "startup_timeout_ms", UI_KEPT},
    {0},
};

static const struct ui_member mcp_gemini[] = {
    {"name", UI_NAME, NULL, 0},
    {"command", UI_OPTIONAL, "command", 0},
    {"args", UI_OPTIONAL, "args", 0},
    {"env", UI_OPTIONAL, "env", 0},
    {"url", UI_OPTIONAL, "url", 0},
    {"cwd", UI_OPTIONAL, "cwd", UI_KEPT},
    {"timeout", UI_OPTIONAL, "timeout_ms", UI_KEPT},
    {"trust", UI_OPTIONAL, "trust", UI_KEPT},
    {"includeTools", UI_OPTIONAL, "enabled_tools", UI_KEPT},
    {0},
};

/* It is known by its command or its address. */
static const struct ui_member mcp_iflow[] = {
    {"command", UI_OPTIONAL, "command", 0},
    {"args", UI_OPTIONAL, "args", 0},
    {"env", UI_OPTIONAL, "env", 0},
    {"url", UI_OPTIONAL, "url", 0},
    {0},
};

const struct ui_shape ui_mcp_codex = {mcp_codex, .taken = take_transport};
const struct ui_shape ui_mcp_gemini = {mcp_gemini, .taken = take_transport};
const struct ui_shape ui_mcp_iflow = {mcp_iflow, .taken = take_transport};

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"

/* Qwen Code and Droid: the transport tells which of two addresses it is. */
static const struct ui_member mcp_qwen[] = {
    {"name", UI_NAME, NULL, 0},
    {"command", UI_OPTIONAL, "command", 0},
    {"args", UI_OPTIONAL, "args", 0},
    {"env", UI_OPTIONAL, "env", 0},
    {"url", UI_MADE, TEXT_OR_NULL, UI_SENT},
    {"httpUrl", UI_MADE, TEXT_OR_NULL, UI_SENT},
    {"headers", UI_OPTIONAL, "headers", UI_KEPT},
    {"timeout", UI_OPTIONAL, "timeout_ms", UI_KEPT},
    {"transportType", UI_MADE, "{\"type\":\"string\",\"enum\":[\"stdio\",\"http\",\"sse\"]}", 0},
    {0},
};

static void show_addresses(struct actor *actor, const struct resource *r, const json_t *values, json_t *object)
{
    const char *transport = json_text_at(values, "transport");
    json_t *url = json_object_get(values, "url");
    bool http = strcmp(transport, "http") == 0;
    (void)actor;
    (void)r;
    json_object_set(object, "url", url && !http ? url : json_null());
    json_object_set(object, "httpUrl", url && http ? url : json_null());
    json_object_set_new(object, "transportType", json_string(transport));
}

static void take_addresses(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                           json_t *values)
{
    bool http = says(sent, "httpUrl"), sse = !http && says(sent, "url");
    (void)actor;
    (void)before;
    (void)name;
    if (http || sse)
        json_object_set(values, "url", json_object_get(sent, http ? "httpUrl" : "url"));
    if (says(values, "command") || !(http || sse || json_text_at(values, "transport")))
        json_object_set_new(values, "transport", json_string("stdio"));
    else if (http || sse)
        json_object_set_new(values, "transport", json_string(http ? "http" : "sse"));
}

const struct ui_shape ui_mcp_qwen = {mcp_qwen, show_addresses, take_addresses};

/* ---- agents, slash commands ------------------------------------------------------------------------------------- */

static const struct ui_member agent[] = {
    {"name", UI_NAME, NULL, 0},
    {"model", UI_TEXT, "model", 0},
    {"tools", UI_LIST, "tools", 0},
    {"system_prompt", UI_TEXT, "system_prompt", 0}, /* left out when the form's is empty, as tools are */
    {"disabled", UI_DISABLED, NULL, 0},
    {"folder", UI_FOLDER, NULL, 0},
    {0},
};

/* The form asks for no description, and no CLI takes an agent without one. */
static void take_description(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                             json_t *values)
{
    (void)actor;
    (void)sent;
    (void)before;
    if (!says(values, "description"))
        json_object_set_new(values, "description", json_string(name));
}

const struct ui_shape ui_agent = {agent, .taken = take_description};

/* Droid's page of its own for the same. */
static const struct ui_member droid[] = {
    {"name", UI_NAME, NULL, 0},
    {"description", UI_OPTIONAL, "description", UI_KEPT},
    {"model", UI_TEXT, "model", 0},
    {"reasoningEffort", UI_NULLABLE, "effort", 0},
    {"tools", UI_NULLABLE, "tools", UI_LOOSE},
    {"systemPrompt", UI_TEXT, "system_prompt", UI_KEPT},
    {0},
};

const struct ui_shape ui_droid = {droid, .taken = take_description};

/* Of what is called by its name, with its text in a column. */
#define COMMAND(text)                                                                                                  \
    {"name", UI_NAME, NULL, 0}, {"description", UI_TEXT, "description", 0}, {"command", UI_TEXT, text, 0},             \
        {"folder", UI_FOLDER, NULL, 0}, {"enabled", UI_ENABLED, NULL, 0}, {"disabled", UI_DISABLED, NULL, 0},          \
    {                                                                                                                  \
        0                                                                                                              \
    }

static const struct ui_member slash_command[] = {COMMAND("prompt")};
const struct ui_shape ui_slash_command = {slash_command};

/* Codex has no slash commands but calls prompts by name; here those are what a team keeps. */
static const struct ui_member prompt[] = {COMMAND("text")};
const struct ui_shape ui_prompt = {prompt};

/* ---- plugins ---------------------------------------------------------------------------------------------------- */

static const struct ui_member plugin[] = {
    {"id", UI_NAME, NULL, 0},           {"name", UI_MADE, "{\"type\":\"string\"}", UI_SENT},
    {"version", UI_TEXT, "version", 0}, {"enabled", UI_ENABLED, NULL, 0},
    {"config", UI_REFUSED, NULL, 0},    {0},
};

/* What people call it is its description; one that a file brought is called by its name. */
static void show_plugin(struct actor *actor, const struct resource *r, const json_t *values, json_t *object)
{
    const char *title = json_text_at(values, "description");
    (void)actor;
    json_object_set_new(object, "name", json_string(title ? title : r->name));
}

/* What is in all of them: Claude Code knows it by itself (https://code.claude.com/docs/en/discover-plugins). */
#define OFFICIAL_MARKETPLACE "claude-plugins-official"

static const char *marketplace_in(const char *name)
{
    const char *at = strrchr(name, '@');
    return at && at[1] ? at + 1 : NULL;
}

/* The name is "plugin@marketplace", as the CLIs write it. Without the latter it is the workspace's only one; where it has none, what the
 * CLI itself would look into. */
static enum error name_plugin(struct actor *actor, const struct ui_page *page, const json_t *sent, const char *old,
                              const char **name)
{
    struct resource *found;
    size_t count = 0;
    const struct kind *kind = kind_find("marketplace");
    const char *marketplace = json_text_at(json_object_get(sent, "data"), "marketplace");
    if (marketplace_in(*name) || text_equal(*name, old))
        return ERR_NONE;
    if (!marketplace && old)
        marketplace = marketplace_in(old);
    if (!marketplace) {
        enum error error = resources_by_name(actor, kind, page->platform, "", 2, &found, &count);
        if (error)
            return error;
        marketplace = count == 1                                                ? found[0].name
                      : count == 0 && platform_bit(page->platform) == ON_CLAUDE ? OFFICIAL_MARKETPLACE
                                                                                : NULL;
    }
    if (!marketplace)
        return fail_field(actor, "id", MSG_PLUGIN_ID, NULL);
    *name = arena_printf(actor->arena, "%s@%s", *name, marketplace);
    return ERR_NONE;
}

static void take_marketplace(const char *name, json_t *values)
{
    if (marketplace_in(name))
        json_object_set_new(values, "marketplace", json_string(marketplace_in(name)));
}

static void take_plugin(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                        json_t *values)
{
    const char *title = json_text_at(sent, "name");
    (void)actor;
    (void)before;
    if (title)
        json_object_set_new(values, "description", strcmp(title, name) == 0 ? json_null() : json_string(title));
    take_marketplace(name, values);
}

const struct ui_shape ui_plugin = {plugin, show_plugin, take_plugin, name_plugin};

/* Droid's page shows the rest as an object of its own: all that is known of a plugin is in it. */
static const struct ui_member plugin_droid[] = {
    {"id", UI_NAME, NULL, 0},
    {"data", UI_MADE, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}", UI_OBJECT},
    {0},
};

static void show_data(struct actor *actor, const struct resource *r, const json_t *values, json_t *object)
{
    json_t *data = json_object();
    (void)actor;
    for (const struct column *column = r->kind->columns; column->field.type; column++)
        if (says(values, column->field.name))
            json_object_set(data, column->field.name, json_object_get(values, column->field.name));
    json_object_set_new(object, "data", data);
}

static void take_data(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                      json_t *values)
{
    const char *key;
    json_t *value, *data = json_object_get(sent, "data");
    if (json_is_object(data))
        json_object_clear(values);
    json_object_foreach(data, key, value)
    {
        if (kind_column(kind_find("plugin"), key))
            json_object_set(values, key, value);
        else
            fail_field(actor, arena_printf(actor->arena, "data.%s", key), MSG_NOT_EXPRESSIBLE, "droid", NULL);
    }
    if (before && !marketplace_in(name) && !says(values, "marketplace"))
        json_object_set(values, "marketplace", json_object_get(resource_shown(before), "marketplace"));
    take_marketplace(name, values);
}

const struct ui_shape ui_plugin_droid = {plugin_droid, show_data, take_data, name_plugin};

/* ---- hooks ------------------------------------------------------------------------------------------------------ */

static const struct ui_member hook[] = {
    {"name", UI_NAME, NULL, 0},
    {"hook_type", UI_TEXT, "event", UI_KEPT},
    {"event", UI_ALIAS, "event", 0},
    {"command", UI_TEXT, "command", UI_KEPT},
    {"args", UI_TAKEN, NULL, 0},
    {"enabled", UI_ENABLED, NULL, 0},
    {0},
};

/* As one word of a POSIX shell. */
static void put_word(struct buffer *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
    buffer_text(out, " ");
    if (*word && !word[strspn(word, plain)]) {
        buffer_text(out, word);
        return;
    }
    buffer_text(out, "'");
    for (; *word; word++)
        if (*word == '\'')
            buffer_text(out, "'\\''");
        else
            buffer_char(out, *word);
    buffer_text(out, "'");
}

/* A hook is one line for the shell. Those that run no command have none to say, and keep their type. */
static void take_hook(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                      json_t *values)
{
    size_t i;
    json_t *word;
    struct buffer line;
    json_t *words = json_object_get(sent, "args");
    const char *command = json_text_at(sent, "command");
    (void)name;
    if (!before || says(values, "command"))
        json_object_set_new(values, "type", json_string("command"));
    else
        json_object_del(values, "command");
    if (is_blank(command)) {
        if (json_array_size(words))
            fail_field(actor, "command", MSG_REQUIRED, NULL);
        return;
    }
    buffer_init_in(&line, actor->arena, COMMAND_BYTES);
    buffer_text(&line, command);
    json_array_foreach(words, i, word) put_word(&line, json_string_value(word));
    json_object_set_new(values, "command", json_string(buffer_string(&line)));
    if (line.overflow)
        fail_field(actor, "args", MSG_TOO_LONG, number_text(actor, COMMAND_BYTES), NULL);
}

const struct ui_shape ui_hook = {hook, .taken = take_hook};

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static const struct ui_member output_style[] = {
    {"name", UI_NAME, NULL, 0},
    {"content", UI_TEXT, "text", 0},
    {0},
};

const struct ui_shape ui_output_style = {output_style};

#define SKILL_METADATA                                                                                                 \
    "{\"type\":\"object\",\"additionalProperties\":false,"                                                             \
    "\"required\":[\"author\",\"version\",\"license\",\"category\",\"tags\",\"updated_at\"],\"properties\":{"          \
    "\"author\":{\"type\":[\"string\",\"null\"]},\"version\":{\"type\":[\"string\",\"null\"]},"                        \
    "\"license\":{\"type\":[\"string\",\"null\"]},\"category\":{\"type\":[\"string\",\"null\"]},"                      \
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"updated_at\":{\"type\":[\"string\",\"null\"]}}}"

static const struct ui_member skill[] = {
    {"name", UI_NAME, NULL, 0},
    {"description", UI_MADE, TEXT_OR_NULL, 0},
    {"path", UI_MADE, "{\"type\":\"string\"}", 0},
    {"instruction", UI_TEXT, "text", 0},
    {"metadata", UI_MADE, SKILL_METADATA, 0},
    {"is_remote", UI_CONSTANT, "false", 0},
    {"repository", UI_CONSTANT, "null", 0},
    {0},
};

static json_t *text_in(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_string(value) ? value : json_null();
}

static json_t *tags_of(const json_t *own)
{
    size_t i;
    json_t *tags = json_array(), *each;
    json_array_foreach(json_object_get(own, "tags"), i, each) if (json_is_string(each)) json_array_append(tags, each);
    return tags;
}

static const char *skill_path(struct actor *actor, const struct kind *kind, const char *platform, const char *name)
{
    return native_default_path(actor->arena, native_place_of(platform_bit(platform), kind->name), name);
}

static void show_skill(struct actor *actor, const struct resource *r, const json_t *values, json_t *object)
{
    json_t *metadata = json_object(), *own = json_object_get(values, "metadata");
    json_object_set(metadata, "author", text_in(own, "author"));
    json_object_set(metadata, "version", text_in(own, "version"));
    json_object_set(metadata, "license", text_in(values, "license"));
    json_object_set(metadata, "category", text_in(own, "category"));
    json_object_set_new(metadata, "tags", tags_of(own));
    json_object_set_new(metadata, "updated_at", json_string(r->updated_at));
    json_object_set(object, "description", text_in(values, "description"));
    json_object_set_new(object, "path", json_string(skill_path(actor, r->kind, r->platform, r->name)));
    json_object_set_new(object, "metadata", metadata);
}

/* The first line that says something, without the marks of a heading. */
static const char *first_line(struct actor *actor, const char *text)
{
    enum { DESCRIPTION_BYTES = 1000 };
    text += strspn(text, "# \t\r\n");
    size_t length = strcspn(text, "\r\n");
    while (length > DESCRIPTION_BYTES || (length && (text[length] & 0xc0) == 0x80))
        length--;
    return arena_strndup(actor->arena, text, length);
}

/* What is sent may be a whole SKILL.md: its front matter is the columns. Without a description there a new one is described by its
 * first line. */
static void take_skill(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                       json_t *values)
{
    struct edit_error wrong;
    const char *text = json_text_at(sent, "instruction");
    const char *path = skill_path(actor, kind_find("skill"), "claude", name);
    if (!text)
        return;
    if (strncmp(text, "---", 3) == 0) {
        struct native_document *document = native_open(actor->arena, ON_CLAUDE, path, text, strlen(text), &wrong);
        if (document && document->count == 1)
            json_object_update(values, document->items[0].values);
        else if (!document)
            fail_field(actor, "instruction", MSG_NATIVE_SYNTAX, wrong.message, number_text(actor, wrong.line),
                       number_text(actor, wrong.column), NULL);
        text = json_text_at(values, "text");
    }
    if (!before && !says(values, "description") && text) {
        const char *line = first_line(actor, text);
        json_object_set_new(values, "description", json_string(*line ? line : name));
    }
}

const struct ui_shape ui_skill = {skill, show_skill, take_skill};

/* ---- profiles --------------------------------------------------------------------------------------------------- */

static const struct ui_member profile_codex[] = {
    {"name", UI_NAME, NULL, 0},
    {"description", UI_NULLABLE, "description", 0},
    {"base_url", UI_TEXT, "base_url", 0},
    {"auth_token", UI_TEXT, "auth_token", 0},
    {"model", UI_TEXT, "model", 0},
    {"small_fast_model", UI_NULLABLE, "small_fast_model", 0},
    {"provider", UI_NULLABLE, "provider", 0},
    {"provider_type", UI_NULLABLE, "provider_type", 0},
    {"account", UI_NULLABLE, "account", 0},
    {"tags", UI_NULLABLE, "tags", 0},
    {"usage_count", UI_USES, NULL, 0},
    {"enabled", UI_ENABLED, NULL, 0},
    {"extra", UI_MAP, "extra", UI_KEPT},
    {0},
};

const struct ui_shape ui_profile_codex = {profile_codex};

static const struct ui_member profile_droid[] = {
    {"name", UI_NAME, NULL, 0},
    {"description", UI_NULLABLE, "description", 0},
    {"base_url", UI_TEXT, "base_url", 0},
    {"api_key", UI_TEXT, "auth_token", 0},
    {"model", UI_TEXT, "model", 0},
    {"provider", UI_NULLABLE, "provider", 0},
    {"provider_type", UI_NULLABLE, "provider_type", 0},
    {"max_output_tokens", UI_MADE, "{\"type\":[\"integer\",\"null\"]}", UI_INTEGER},
    {"display_name", UI_MADE, TEXT_OR_NULL, UI_SENT},
    {"tags", UI_NULLABLE, "tags", 0},
    {"usage_count", UI_USES, NULL, 0},
    {"enabled", UI_IN_USE, NULL, 0},
    {0},
};

/* Two that no column holds stand among the other keys of its table in the file. */
static const char *const in_extra[] = {"max_output_tokens", "display_name"};

static void show_extra(struct actor *actor, const struct resource *r, const json_t *values, json_t *object)
{
    const json_t *extra = json_object_get(values, "extra");
    (void)actor;
    (void)r;
    json_t *tokens = json_object_get(extra, in_extra[0]);
    json_object_set(object, in_extra[0], json_is_integer(tokens) ? tokens : json_null());
    json_object_set(object, in_extra[1], text_in(extra, in_extra[1]));
}

static void take_extra(struct actor *actor, const json_t *sent, const struct resource *before, const char *name,
                       json_t *values)
{
    json_t *extra = json_object_get(values, "extra");
    (void)actor;
    (void)before;
    (void)name;
    extra = json_is_object(extra) ? extra : json_object();
    for (size_t i = 0; i < ARRAY_SIZE(in_extra); i++) {
        json_t *value = json_object_get(sent, in_extra[i]);
        if (json_is_integer(value) || !is_blank(json_string_value(value)))
            json_object_set(extra, in_extra[i], value);
        else
            json_object_del(extra, in_extra[i]);
    }
    json_object_set(values, "extra", extra);
}

const struct ui_shape ui_profile_droid = {profile_droid, show_extra, take_extra};

/* ---- models ----------------------------------------------------------------------------------------------------- */

static const struct ui_member model[] = {
    {"model", UI_TEXT, "model", 0},
    {"displayName", UI_NAME, NULL, 0},
    {"baseUrl", UI_TEXT, "base_url", 0},
    {"apiKey", UI_TEXT, "api_key", 0},
    {"provider", UI_TEXT, "provider", 0},
    {"maxOutputTokens", UI_NULLABLE, "max_output_tokens", 0},
    {0},
};

const struct ui_shape ui_model = {model};
