/* The table of native places says only what the table of kinds has, and finds files by their paths. */
#include <string.h>

#include "../test.h"
#include "json.h"
#include "kind.h"
#include "native.h"
#include "util.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * MIB);
    json_use_arena(arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

static bool is_column(const struct kind *kind, const char *name, size_t length)
{
    const char *column = arena_strndup(arena, name, length);
    return kind_column(kind, column) || strcmp(column, "name") == 0 || strcmp(column, "enabled") == 0;
}

static void places_name_columns_of_kinds(void **state)
{
    (void)state;
    for (const struct native_place *place = native_places; place->kind; place++) {
        const struct kind *kind = kind_find(place->kind);
        assert_non_null(kind);
        if ((place->platforms & kind->platforms) != place->platforms)
            fail_msg("%s in %s: not on that platform", place->kind, place->file);
        size_t steps = 1;
        for (const char *dot = strchr(place->path, '.'); dot; dot = strchr(dot + 1, '.'))
            steps++;
        assert_true(steps <= 4); /* native.c has room for four more, of what is in lists */
        if (place->given)
            assert_true(is_column(kind, place->given, strcspn(place->given, "=")));
        for (const struct native_member *m = place->members; m->key; m++)
            if ((m->column && !is_column(kind, m->column, strlen(m->column))) ||
                (m->column && m->when && !is_column(kind, m->when, strcspn(m->when, "="))))
                fail_msg("%s has no column %s", place->kind, m->column);
    }
}

/* What a platform can express of a kind, some member says. */
static void columns_that_a_platform_has_are_said(void **state)
{
    (void)state;
    for (const struct native_place *place = native_places; place->kind; place++) {
        const struct kind *kind = kind_find(place->kind);
        for (const struct column *column = kind->columns; column->field.type; column++)
            if (column->field.flags & FIELD_REQUIRED && !native_says(place, column->field.name))
                fail_msg("%s: no file of a row for %s says %s", place->kind, place->file, column->field.name);
    }
}

static void files_are_found_by_their_paths(void **state)
{
    static const struct {
        unsigned platform;
        const char *path, *name; /* of the one item; NULL = the file is none that is known */
    } files[] = {
        {ON_CLAUDE, ".claude/commands/git/commit.md", "git/commit"},
        {ON_CLAUDE, "commands/git/commit.md", "git/commit"},
        {ON_CLAUDE, "home/ann/.claude/commands/commit.md", "commit"},
        {ON_CLAUDE, "commands.md", NULL},
        {ON_CLAUDE, ".claude/commands/commit.txt", NULL},
        {ON_CLAUDE, ".claude/other/commands/commit.md", NULL},
        {ON_CLAUDE, "a/CLAUDE.md", "a_CLAUDE"},
        {ON_CLAUDE, ".claude/CLAUDE.md", "CLAUDE"},
        {ON_CODEX, "CLAUDE.md", NULL},
        {ON_CODEX, ".codex/AGENTS.md", "AGENTS"},
        {ON_DROID, ".factory/droids/a.md", "a"},
        {ON_CLAUDE, ".claude/skills/a b/SKILL.md", "a b"},
        {ON_CLAUDE, ".claude/skills/SKILL.md", NULL},
        {ON_CLAUDE, ".agents/skills/a/SKILL.md", NULL},
        {ON_GEMINI, "home/.agents/skills/a/SKILL.md", "a"},
    };
    struct edit_error error;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct native_document *document = native_open(arena, files[i].platform, files[i].path, "Do it.\n", 7, &error);
        assert_non_null(document);
        assert_int_equal(document->known, files[i].name != NULL);
        assert_int_equal(document->count, files[i].name ? 1 : 0);
        if (files[i].name)
            assert_string_equal(document->items[0].name, files[i].name);
    }
}

static void keys_are_claimed_by_what_stands_there(void **state)
{
    static const struct {
        unsigned platform;
        const char *name;
        bool claimed;
    } keys[] = {
        {ON_CLAUDE, "permissions", false},
        {ON_CLAUDE, "permissions.allow", true},
        {ON_CLAUDE, "permissions.allowed", false},
        {ON_CLAUDE, "hooks.Stop", true},
        {ON_CLAUDE, "env", false},
        {ON_CLAUDE, "env.ANTHROPIC_MODEL", true},
        {ON_CLAUDE, "env.API_TIMEOUT_MS", false},
        {ON_CLAUDE, "statusLine.type", true},
        {ON_CODEX, "model_providers.a.name", true},
        {ON_CODEX, "permissions.allow", false},
        {ON_QWEN, "modelProviders", true},
        {ON_IFLOW, "modelName", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (native_claims(keys[i].platform, keys[i].name) != keys[i].claimed)
            fail_msg("%s", keys[i].name);
    assert_int_equal(native_key("a-b.c"), 3);
    assert_int_equal(native_key("\"a.b\".c"), 5);
    assert_int_equal(native_key("\"hooks\".Stop"), 0); /* no other name for the same */
    assert_int_equal(native_key("\"\""), 0);
    assert_int_equal(native_key("\"a b"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_name_columns_of_kinds),
        cmocka_unit_test(columns_that_a_platform_has_are_said),
        cmocka_unit_test(files_are_found_by_their_paths),
        cmocka_unit_test(keys_are_claimed_by_what_stands_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
