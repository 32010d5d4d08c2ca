/* Plugin: switched on by its name and the marketplace that has it ("formatter@team"); an extension in Gemini and Qwen. */
#include "kind.h"

static const struct column columns[] = {
    {{"marketplace", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 200}, COLUMN_SEARCHED, {"Marketplace", "市场"}, 0},
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"version", FIELD_TEXT, FIELD_TRIM, .max = 100}, 0, {"Version", "版本"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_plugin = {
    .name = "plugin",
    .label = {"Plugin", "插件"},
    .columns = columns,
    .platforms = ON_CLAUDE | ON_CODEX | ON_GEMINI | ON_QWEN | ON_DROID,
    .write = ACCESS_ADMIN, /* it runs on every machine of the team */
};
