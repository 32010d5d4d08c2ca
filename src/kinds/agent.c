/* Agent: a system prompt with a model and tools. Markdown with front matter in every CLI that has it; Factory's custom droids are agents
 * on the platform droid. */
#include "kind.h"
#include "util.h"

/* The others take one that is nothing but a description. */
static bool needs_prompt(const json_t *values, const char *platform)
{
    (void)values;
    return (platform_bit(platform) & (ON_CODEX | ON_GEMINI | ON_QWEN)) != 0;
}

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 4000},
     COLUMN_SEARCHED,
     {"Description", "说明"},
     0},
    {{"model", FIELD_TEXT, FIELD_TRIM, .max = 200}, 0, {"Model", "模型"}, 0},
    {{"tools", FIELD_STRINGS, .max = 200}, 0, {"Tools", "工具"}, 0},
    {{"disallowed_tools", FIELD_STRINGS, .max = 200}, 0, {"Tools withheld", "禁用工具"}, ON_CLAUDE | ON_QWEN},
    {{"effort", FIELD_TEXT, FIELD_TRIM, .max = 40}, 0, {"Reasoning effort", "思考强度"}, ON_CLAUDE | ON_DROID},
    {{"mcp_servers", FIELD_STRINGS, .max = 100}, 0, {"MCP servers", "MCP 服务器"}, ON_CLAUDE | ON_GEMINI | ON_DROID},
    {{"color", FIELD_TEXT, FIELD_TRIM, .max = 40}, 0, {"Colour", "颜色"}, ON_CLAUDE},
    {{"system_prompt", FIELD_TEXT, .max = 256 * KIB, .required = needs_prompt},
     COLUMN_UNLISTED,
     {"Prompt", "提示词"},
     0},
    {{0}, 0, {NULL, NULL}, 0},
};

static void check(struct actor *actor, const char *platform, json_t *values)
{
    enum { DROID_DESCRIPTION_MAX = 500 };
    const char *description = json_string_value(json_object_get(values, "description"));
    if (platform_bit(platform) == ON_DROID && utf8_length(description) > DROID_DESCRIPTION_MAX)
        fail_field(actor, "description", MSG_TOO_LONG, number_text(actor, DROID_DESCRIPTION_MAX), NULL);
}

const struct kind kind_agent = {"agent", {"Agent", "智能体"}, columns, ON_ALL, KIND_FOLDERS, .check = check};
