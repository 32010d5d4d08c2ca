/* MCP server: a program that is started or an address that is asked, with what it needs to know. Its transport decides which of the
 * columns count; what a platform cannot say of them is said when it is saved. */
#include <string.h>

#include "kind.h"
#include "util.h"

#define TEXT_MAX 4000

static const struct column columns[] = {
    {{"transport", FIELD_TEXT, FIELD_REQUIRED, .choices = "stdio|http|sse"}, 0, {"Transport", "传输方式"}, 0},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 2000},
     COLUMN_SEARCHED,
     {"Description", "说明"},
     ON_GEMINI | ON_QWEN | ON_IFLOW},
    {{"command", FIELD_TEXT, FIELD_TRIM, .max = TEXT_MAX}, COLUMN_PARTS | COLUMN_SEARCHED, {"Command", "命令"}, 0},
    {{"args", FIELD_STRINGS, .max = 200}, COLUMN_PARTS, {"Arguments", "参数"}, 0},
    {{"env", FIELD_MAP, .max = 100}, COLUMN_SECRET, {"Environment", "环境变量"}, 0},
    {{"cwd", FIELD_TEXT, FIELD_TRIM, .max = TEXT_MAX},
     0,
     {"Working directory", "工作目录"},
     ON_CODEX | ON_GEMINI | ON_QWEN | ON_IFLOW},
    {{"url", FIELD_TEXT, FIELD_TRIM, .max = TEXT_MAX}, COLUMN_PARTS | COLUMN_SEARCHED, {"Address", "地址"}, 0},
    {{"headers", FIELD_MAP, .max = 100}, COLUMN_SECRET, {"Headers", "请求头"}, 0},
    {{"timeout_ms", FIELD_INT, .min = 1, .max = 86400000}, 0, {"Timeout of a call (ms)", "调用超时（毫秒）"}, 0},
    {{"startup_timeout_ms", FIELD_INT, .min = 1, .max = 86400000},
     0,
     {"Timeout of the start (ms)", "启动超时（毫秒）"},
     ON_CODEX | ON_QWEN},
    {{"enabled_tools", FIELD_STRINGS, .max = 500},
     0,
     {"Tools allowed", "允许的工具"},
     ON_CODEX | ON_GEMINI | ON_QWEN | ON_IFLOW | ON_DROID},
    {{"disabled_tools", FIELD_STRINGS, .max = 500},
     0,
     {"Tools withheld", "禁用的工具"},
     ON_CODEX | ON_GEMINI | ON_QWEN | ON_IFLOW | ON_DROID},
    {{"trust", FIELD_BOOL}, 0, {"No questions before a call", "调用无需确认"}, ON_GEMINI | ON_QWEN | ON_IFLOW},
    {{0}, 0, {NULL, NULL}, 0},
};

/* Names that Claude Code keeps for itself. */
static const char *const reserved[] = {"workspace", "claude-in-chrome", "computer-use", "Claude Preview",
                                       "Claude Browser"};

static bool is_address(const char *url)
{
    return url && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0 || *url == '$');
}

static void check(struct actor *actor, const char *platform, json_t *values)
{
    const char *transport = json_string_value(json_object_get(values, "transport"));
    const char *url = json_string_value(json_object_get(values, "url"));
    bool stdio = strcmp(transport, "stdio") == 0;
    if (stdio && !json_string_value(json_object_get(values, "command")))
        fail_field(actor, "command", MSG_REQUIRED, NULL);
    if (!stdio && !url)
        fail_field(actor, "url", MSG_REQUIRED, NULL);
    else if (!stdio && !is_address(url))
        fail_field(actor, "url", MSG_URL, NULL);
    if (strcmp(transport, "sse") == 0 && platform_bit(platform) == ON_CODEX)
        fail_field(actor, "transport", MSG_CHOICE, "stdio, http", NULL);
}

static const char *check_name(const char *platform, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (platform_bit(platform) == ON_CLAUDE && strcmp(name, reserved[i]) == 0)
            return reserved[i];
    return NULL;
}

/* clang-format off */
const struct kind kind_mcp_server = {
    "mcp_server", {"MCP server", "MCP 服务器"}, columns, ON_ALL, KIND_SHARED,
    .check = check, .reserved = check_name,
};
