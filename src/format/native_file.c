/* Native files: told by keys at their top that no file of CCR has. */
#include "native_file.h"

#include <string.h>

#include "util.h"

#define CODEX "config.toml (Codex CLI)"

/* Keys that tell a file, more telling ones first. */
static const struct mark {
    const char *key, *file;
} json_marks[] = {
    {"claudeAiOauth", ".credentials.json (Claude Code)"},
    {"oauthAccount", ".claude.json (Claude Code)"},
    {"numStartups", ".claude.json (Claude Code)"},
    {"OPENAI_API_KEY", "auth.json (Codex CLI)"},
    {"auth_mode", "auth.json (Codex CLI)"},
    {"modelProviders", "settings.json (Qwen Code)"},
    {"$version", "settings.json (Qwen Code)"},
    {"customModels", "settings.json (Droid)"},
    {"custom_models", "config.json (Droid)"},
    {"autonomyMode", "settings.json (Droid)"},
    {"commandAllowlist", "settings.json (Droid)"},
    {"searchApiKey", "settings.json (iFlow)"},
    {"modelName", "settings.json (iFlow)"},
    {"selectedAuthType", "settings.json (Gemini CLI, Qwen Code, iFlow)"},
    {"contextFileName", "settings.json (Gemini CLI, Qwen Code, iFlow)"},
    {"security", "settings.json (Gemini CLI, Qwen Code)"},
    {"general", "settings.json (Gemini CLI, Qwen Code)"},
    {"experimental", "settings.json (Gemini CLI, Qwen Code)"},
    {"excludeTools", "gemini-extension.json (Gemini CLI)"},
    {"apiKeyHelper", "settings.json (Claude Code)"},
    {"enabledPlugins", "settings.json (Claude Code)"},
    {"statusLine", "settings.json (Claude Code)"},
    {"permissions", "settings.json (Claude Code)"},
    {"env", "settings.json (Claude Code)"},
    {"mcpServers", "settings.json or .mcp.json"},
    {"hooks", "settings.json or hooks.json"},
    {"model", "settings.json"},
};

/* Values at the top. */
static const struct mark value_marks[] = {
    {"model", CODEX},
    {"model_provider", CODEX},
    {"model_reasoning_effort", CODEX},
    {"model_reasoning_summary", CODEX},
    {"model_verbosity", CODEX},
    {"model_context_window", CODEX},
    {"model_instructions_file", CODEX},
    {"review_model", CODEX},
    {"approval_policy", CODEX},
    {"approvals_reviewer", CODEX},
    {"sandbox_mode", CODEX},
    {"preferred_auth_method", CODEX},
    {"forced_login_method", CODEX},
    {"cli_auth_credentials_store", CODEX},
    {"disable_response_storage", CODEX},
    {"openai_base_url", CODEX},
    {"chatgpt_base_url", CODEX},
    {"developer_instructions", CODEX},
    {"project_doc_max_bytes", CODEX},
    {"hide_agent_reasoning", CODEX},
    {"network_access", CODEX},
    {"notify", CODEX},
    {"personality", CODEX},
    {"service_tier", CODEX},
    {"web_search", CODEX},
    {"profile", CODEX},
    {"prompt", "a command (Gemini CLI)"},
    {"rule", "a policy (Gemini CLI)"},
};

/* Tables at the top. */
static const struct mark table_marks[] = {
    {"model_providers", CODEX},
    {"mcp_servers", CODEX},
    {"projects", CODEX},
    {"profiles", CODEX},
    {"plugins", CODEX},
    {"marketplaces", CODEX},
    {"features", CODEX},
    {"shell_environment_policy", CODEX},
    {"tui", CODEX},
    {"history", CODEX},
    {"tools", CODEX},
    {"sandbox_workspace_write", CODEX},
    {"notice", CODEX},
    {"otel", CODEX},
    {"windows", CODEX},
    {"agents", CODEX},
    {"memories", CODEX},
    {"skills", CODEX},
    {"apps", CODEX},
    {"permissions", CODEX},
    {"analytics", CODEX},
    {"feedback", CODEX},
    {"hooks", CODEX},
};

static const char *marked(const struct mark *marks, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(marks[i].key, key) == 0)
            return marks[i].file;
    return NULL;
}

/* Behind what stands at `at`: a comment, a string, or one character. */
static const char *skip(const char *at)
{
    if (strncmp(at, "//", 2) == 0)
        return at + strcspn(at, "\n");
    if (strncmp(at, "/*", 2) == 0) {
        const char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if (*at != '"')
        return at + 1;
    for (at++; *at && *at != '"'; at++)
        at += *at == '\\' && at[1];
    return *at ? at + 1 : at;
}

/* The place in json_marks of a key with its quotes; ARRAY_SIZE(json_marks) when it has none. */
static size_t json_mark(const char *quoted, size_t length)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(json_marks) &&
           (strlen(json_marks[i].key) + 2 != length || memcmp(json_marks[i].key, quoted + 1, length - 2) != 0))
        i++;
    return i;
}

/* The most telling of the keys of a JSON object, which may hold comments; keys of the objects in it do not count. */
static size_t best_json_mark(const char *text)
{
    size_t best = ARRAY_SIZE(json_marks);
    int depth = 0;
    for (const char *at = text, *end; *at; at = end) {
        end = skip(at);
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        if (depth != 1 || *at != '"' || end[strspn(end, " \t\r\n")] != ':')
            continue;
        size_t mark = json_mark(at, (size_t)(end - at));
        best = mark < best ? mark : best;
    }
    return best;
}

const char *native_json(const char *text)
{
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) /* a byte-order mark */
        text += 3;
    text += strspn(text, " \t\r\n");
    while (*text == '/' && (text[1] == '/' || text[1] == '*')) {
        text = skip(text);
        text += strspn(text, " \t\r\n");
    }
    size_t mark = *text == '{' ? best_json_mark(text) : ARRAY_SIZE(json_marks);
    return mark < ARRAY_SIZE(json_marks) ? json_marks[mark].file : NULL;
}

/* The official login has neither address nor token. */
static bool is_native_profile(const struct toml *node)
{
    return node->type == TOML_TABLE &&
           (toml_get(node, "base_url") || toml_get(node, "auth_token") || toml_get(node, "usage_count"));
}

static bool is_ccrs(const struct toml *root)
{
    for (const struct toml *node = root->first; node; node = node->next)
        if (strcmp(node->key, "default_config") == 0 || strcmp(node->key, "current_config") == 0 ||
            is_native_profile(node))
            return true;
    return false;
}

const char *native_toml(const struct toml *root)
{
    const char *file = NULL;
    for (const struct toml *node = root->first; node && !file; node = node->next)
        file = node->type == TOML_TABLE ? marked(table_marks, ARRAY_SIZE(table_marks), node->key)
                                        : marked(value_marks, ARRAY_SIZE(value_marks), node->key);
    return file && !is_ccrs(root) ? file : NULL;
}
