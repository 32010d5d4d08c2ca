/* Profiles: one table of fields with their limits, and one of what each platform asks for. */
#include "profile_check.h"

#include <string.h>

#include "util.h"

enum {
    NAME_LENGTH_MAX = 100,
    URL_MAX = 2000,
    TOKEN_MAX = 16 * KIB,
    DESCRIPTION_MAX = 2000,
    WORD_MAX = 200,
    TAGS_MAX = 50
};

/* ---- what platforms ask for ------------------------------------------------------------------------------------- */

enum need { OPTIONAL, WITH_URL, ALWAYS };

/* What CCR asks for when it switches. Codex without an address is its official login, which needs no key; Gemini's client
 * knows its own address. Where a blank model is one that the client would send, it may be left out, but not be blank. */
static const struct rules {
    const char *platform;
    enum need base_url, auth_token;
    bool model_not_blank;
} rules[] = {
    {"claude", ALWAYS, ALWAYS, true}, {"codex", OPTIONAL, WITH_URL, false}, {"gemini", OPTIONAL, ALWAYS, false},
    {"qwen", ALWAYS, ALWAYS, true},   {"iflow", ALWAYS, ALWAYS, true},      {"droid", ALWAYS, ALWAYS, false},
};

static const struct rules *rules_of(const char *platform)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (strcmp(rules[i].platform, platform) == 0)
            return &rules[i];
    return &rules[0];
}

static bool needed(enum need need, bool has_url)
{
    return need == ALWAYS || (need == WITH_URL && has_url);
}

static bool form_needs_url(const json_t *form, const char *platform)
{
    (void)form;
    return needed(rules_of(platform)->base_url, false);
}

static bool form_needs_token(const json_t *form, const char *platform)
{
    return needed(rules_of(platform)->auth_token, json_is_string(json_object_get(form, "base_url")));
}

/* ---- fields and their limits ------------------------------------------------------------------------------------ */

const struct field profile_fields[] = {
    {"name", FIELD_LABEL, FIELD_REQUIRED | FIELD_TRIM, .max = NAME_LENGTH_MAX},
    {"base_url", FIELD_URL, FIELD_TRIM, .max = URL_MAX, .required = form_needs_url},
    {"auth_token", FIELD_KEY, FIELD_TRIM | FIELD_SECRET, .max = TOKEN_MAX, .required = form_needs_token},
    {"description", FIELD_TEXT, .max = DESCRIPTION_MAX},
    {"model", FIELD_TEXT, FIELD_TRIM, .max = WORD_MAX},
    {"small_fast_model", FIELD_TEXT, FIELD_TRIM, .max = WORD_MAX},
    {"provider", FIELD_TEXT, FIELD_TRIM, .max = WORD_MAX},
    {"provider_type", FIELD_TEXT, FIELD_TRIM, .max = WORD_MAX},
    {"account", FIELD_TEXT, FIELD_TRIM, .max = WORD_MAX},
    {"tags", FIELD_STRINGS, .max = TAGS_MAX},
    {0},
};

/* What only a file says. */
static const struct field file_fields[] = {
    {"usage_count", FIELD_INT, .min = 0, .max = USAGE_COUNT_MAX},
    {"enabled", FIELD_BOOL},
    {0},
};

static const struct field *field_named(const struct field *fields, const char *name)
{
    for (; fields->type; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

const struct field *profile_field(const char *name)
{
    const struct field *field = field_named(profile_fields, name);
    return field ? field : field_named(file_fields, name);
}

/* ---- the check -------------------------------------------------------------------------------------------------- */

static size_t wrong(struct actor *actor, const char *field, bool required, const char *text,
                    struct profile_problem *problem)
{
    const char *argument = NULL;
    enum message message = MSG_NONE;
    if (!is_blank(text))
        message = field_problem(actor, profile_field(field), text, &argument);
    else if (required)
        message = MSG_NOT_BLANK;
    if (message)
        *problem = (struct profile_problem){field, translate(actor, message, argument, NULL)};
    return message != MSG_NONE;
}

size_t profile_unusable(struct actor *actor, const struct profile *p, const char *token,
                        struct profile_problem problems[PROFILE_PROBLEMS_MAX])
{
    const struct rules *r = rules_of(p->platform);
    bool has_url = !is_blank(p->base_url);
    size_t count = wrong(actor, "base_url", needed(r->base_url, false), p->base_url, problems);
    count += wrong(actor, "auth_token", needed(r->auth_token, has_url), token, problems + count);
    return count + wrong(actor, "model", r->model_not_blank && p->model, p->model, problems + count);
}

static const char *problem_of(struct actor *actor, const struct profile *p)
{
    struct profile_problem problems[PROFILE_PROBLEMS_MAX];
    const char *token;
    if (profile_token(actor, p, &token)) {
        actor->failure.message = MSG_NONE;
        actor->failure.text = NULL;
        token = "********";
    } else if (token && secret_mask_shaped(token)) { /* older versions took masks for tokens */
        return arena_printf(actor->arena, "auth_token %s", translate(actor, MSG_MASK_STORED, NULL));
    }
    return profile_unusable(actor, p, token, problems)
               ? arena_printf(actor->arena, "%s %s", problems->field, problems->what)
               : NULL;
}

/* Whoever checks thousands holds one token at a time. */
const char *profile_problem(struct actor *actor, const struct profile *p)
{
    struct arena_mark mark = arena_mark(actor->arena);
    const char *problem = problem_of(actor, p);
    arena_release_but(actor->arena, mark, &(const char **){&problem}, 1);
    return problem;
}
