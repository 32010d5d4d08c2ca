/* Hook: a command that a CLI runs at an event. */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"event", FIELD_NAME, FIELD_REQUIRED, .max = 100}, COLUMN_SEARCHED, {"Event", "事件"}, 0},
    {{"matcher", FIELD_TEXT, .max = 1000}, 0, {"Matcher", "匹配"}, 0},
    {{"type", FIELD_TEXT, FIELD_REQUIRED, .choices = "command|http|prompt|agent|mcp_tool"}, 0, {"Type", "类型"}, 0},
    {{"command", FIELD_TEXT, .max = 16 * KIB}, COLUMN_PARTS | COLUMN_SEARCHED, {"Command", "命令"}, 0},
    {{"url", FIELD_TEXT, FIELD_TRIM, .max = 2000}, COLUMN_PARTS, {"Address", "地址"}, ON_CLAUDE | ON_QWEN},
    {{"headers", FIELD_MAP, .max = 50}, COLUMN_SECRET, {"Headers", "请求头"}, ON_CLAUDE | ON_QWEN},
    {{"prompt", FIELD_TEXT, .max = 64 * KIB}, COLUMN_UNLISTED, {"Prompt", "提示词"}, ON_CLAUDE | ON_CODEX | ON_QWEN},
    {{"timeout_ms", FIELD_INT, .min = 1, .max = 86400000}, 0, {"Timeout (ms)", "超时（毫秒）"}, 0},
    {{"status_message", FIELD_TEXT, .max = 400}, 0, {"Message meanwhile", "状态消息"}, ON_CLAUDE | ON_CODEX},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

/* Each type says what it needs. */
static void check(struct actor *actor, const char *platform, json_t *values)
{
    static const char *const needs[][2] = {
        {"command", "command"}, {"http", "url"}, {"prompt", "prompt"}, {"agent", "prompt"}};
    const char *type = json_string_value(json_object_get(values, "type"));
    (void)platform;
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (text_equal(type, needs[i][0]) && is_blank(json_string_value(json_object_get(values, needs[i][1]))))
            fail_field(actor, needs[i][1], MSG_REQUIRED, NULL);
}

/* It runs on every machine of the team. */
const struct kind kind_hook = {"hook", {"Hook", "钩子"}, columns, ON_ALL, .write = ACCESS_ADMIN, .check = check};
