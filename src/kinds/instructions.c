/* Instructions: what a CLI reads before anything else (CLAUDE.md, AGENTS.md, GEMINI.md, QWEN.md, IFLOW.md). */
#include "kind.h"
#include "util.h"

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"text", FIELD_TEXT, FIELD_REQUIRED, .max = 256 * KIB}, COLUMN_UNLISTED, {"Text", "内容"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

const struct kind kind_instructions = {"instructions", {"Instructions", "指令文件"}, columns, ON_ALL, KIND_SHARED};
