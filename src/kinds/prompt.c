/* Prompt: a text that a team keeps and hands on; no CLI reads it by itself. */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"tags", FIELD_STRINGS, .max = 50}, COLUMN_SEARCHED, {"Tags", "标签"}, 0},
    {{"text", FIELD_TEXT, FIELD_REQUIRED, .max = 256 * KIB}, COLUMN_UNLISTED, {"Text", "内容"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_prompt = {"prompt", {"Prompt", "提示词"}, columns, ON_ALL, KIND_FOLDERS | KIND_SHARED};
