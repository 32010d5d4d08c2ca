/* Skill: a folder with instructions for a task, SKILL.md, and whatever they speak of. Its front matter is the columns, its text what
 * stands below that; the folder's other files are in `files`. (https://agentskills.io) */
#include <strings.h>

#include "file_path.h"
#include "kind.h"
#include "util.h"

#define SKILL_FILE "SKILL.md"

static const struct column columns[] = {
    {{"description", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM, .max = 4000},
     COLUMN_SEARCHED,
     {"What it does, and when to use it", "用途与使用时机"},
     0},
    {{"when_to_use", FIELD_TEXT, FIELD_TRIM, .max = 4000}, COLUMN_SEARCHED, {"When to use it", "使用时机"}, ON_CLAUDE},
    {{"argument_hint", FIELD_TEXT, FIELD_TRIM, .max = 400}, 0, {"Hint for arguments", "参数提示"}, ON_CLAUDE},
    {{"allowed_tools", FIELD_STRINGS, .max = 200}, 0, {"Tools allowed", "允许的工具"}, ON_CLAUDE},
    {{"disallowed_tools", FIELD_STRINGS, .max = 200}, 0, {"Tools withheld", "禁用工具"}, ON_CLAUDE},
    {{"model", FIELD_TEXT, FIELD_TRIM, .max = 200}, 0, {"Model", "模型"}, ON_CLAUDE},
    {{"effort", FIELD_TEXT, .choices = "low|medium|high|xhigh"}, 0, {"Effort", "思考强度"}, ON_CLAUDE},
    {{"context", FIELD_TEXT, .choices = "fork"}, 0, {"Context", "上下文"}, ON_CLAUDE},
    {{"agent", FIELD_TEXT, FIELD_TRIM, .max = 200}, 0, {"Agent that runs it", "执行的智能体"}, ON_CLAUDE},
    {{"paths", FIELD_STRINGS, .max = 100}, 0, {"Only for these paths", "适用路径"}, ON_CLAUDE},
    {{"disable_model_invocation", FIELD_BOOL}, 0, {"Only when asked for", "仅手动调用"}, ON_CLAUDE | ON_DROID},
    {{"user_invocable", FIELD_BOOL}, 0, {"Can be asked for by name", "可手动调用"}, ON_CLAUDE | ON_DROID},
    {{"license", FIELD_TEXT, FIELD_TRIM, .max = 500}, 0, {"Licence", "许可证"}, 0},
    {{"compatibility", FIELD_TEXT, FIELD_TRIM, .max = 500}, 0, {"What it needs", "环境要求"}, 0},
    {{"metadata", FIELD_OBJECT}, COLUMN_PARTS, {"Metadata", "元数据"}, 0},
    {{"text", FIELD_TEXT, FIELD_REQUIRED, .max = 256 * KIB}, COLUMN_UNLISTED, {"Text", "内容"}, 0},
    {{"files", FIELD_FILES, .max = 100}, COLUMN_UNLISTED, {"Files", "文件"}, 0},
    {{0}, 0, {NULL, NULL}, 0},
};

static void check(struct actor *actor, const char *platform, json_t *values)
{
    const char *path;
    json_t *file;
    (void)platform;
    json_object_foreach(json_object_get(values, "files"), path, file)
    {
        if (strcasecmp(path, SKILL_FILE) == 0)
            fail_field(actor, "files." SKILL_FILE, MSG_RESERVED, path, NULL);
    }
}

/* It is the folder's. */
static enum error check_name(struct actor *actor, const char *platform, const char *field, const char *name)
{
    (void)platform;
    return file_name_valid(name) ? ERR_NONE : fail_field(actor, field, MSG_FILE_PATH, NULL);
}

/* clang-format off */
const struct kind kind_skill = {
    "skill", {"Skill", "技能"}, columns, ON_ALL, KIND_SHARED,
    .check = check, .check_name = check_name,
};
