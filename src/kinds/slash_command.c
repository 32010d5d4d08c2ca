/* Slash command: a prompt that is called by name, with what is typed behind it. Codex has none. */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"argument_hint", FIELD_TEXT, FIELD_TRIM, .max = 400},
     0,
     {"Hint for arguments", "参数提示"},
     ON_CLAUDE | ON_DROID},
    {{"allowed_tools", FIELD_STRINGS, .max = 200}, 0, {"Tools allowed", "允许的工具"}, ON_CLAUDE},
    {{"model", FIELD_TEXT, FIELD_TRIM, .max = 200}, 0, {"Model", "模型"}, ON_CLAUDE},
    {{"prompt", FIELD_TEXT, FIELD_REQUIRED, .max = 256 * KIB}, COLUMN_UNLISTED, {"Prompt", "提示词"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_slash_command = {
    "slash_command", {"Slash command", "斜杠命令"}, columns, ON_ALL & ~ON_CODEX, KIND_FOLDERS};
