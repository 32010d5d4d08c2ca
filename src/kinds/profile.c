/* Profile: base URL, token and model for one platform's command-line tool. What is special about it, that each member has a current
 * one, is in profile_store.c and profile_pointers.c. */
#include "profile.h"

#include <string.h>

#include "crypto.h"
#include "profile_file.h"
#include "profile_pointers.h"
#include "util.h"

enum {
    NAME_LENGTH_MAX = 100,
    URL_MAX = 2000,
    TOKEN_MAX = 16 * KIB,
    TEXT_MAX = 2000,
    WORD_LENGTH_MAX = 200,
    KEYS_MAX = 1000
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

static bool needs_url(const json_t *values, const char *platform)
{
    (void)values;
    return needed(rules_of(platform)->base_url, false);
}

static bool needs_token(const json_t *values, const char *platform)
{
    return needed(rules_of(platform)->auth_token, !is_blank(json_text_at(values, "base_url")));
}

/* ---- the columns ------------------------------------------------------------------------------------------------- */

static const struct column columns[] = {
    {{"description", FIELD_TEXT, .max = TEXT_MAX}, COLUMN_SEARCHED, {"Description", "说明"}, 0},
    {{"base_url", FIELD_URL, FIELD_TRIM, .max = URL_MAX, .required = needs_url},
     COLUMN_PARTS,
     {"Base URL", "接口地址"},
     0},
    {{"auth_token", FIELD_KEY, FIELD_TRIM | FIELD_SECRET, .max = TOKEN_MAX, .required = needs_token},
     COLUMN_SECRET,
     {"Token", "令牌"},
     0},
    {{"model", FIELD_TEXT, FIELD_TRIM, .max = WORD_LENGTH_MAX}, 0, {"Model", "模型"}, 0},
    {{"small_fast_model", FIELD_TEXT, FIELD_TRIM, .max = WORD_LENGTH_MAX}, 0, {"Small fast model", "小型快速模型"}, 0},
    {{"provider", FIELD_TEXT, FIELD_TRIM, .max = WORD_LENGTH_MAX}, 0, {"Provider", "提供商"}, 0},
    {{"provider_type", FIELD_TEXT, FIELD_TRIM, .max = WORD_LENGTH_MAX}, 0, {"Type of provider", "提供商类型"}, 0},
    {{"account", FIELD_TEXT, FIELD_TRIM, .max = WORD_LENGTH_MAX}, 0, {"Account", "账户"}, 0},
    {{"tags", FIELD_STRINGS, .max = 50}, COLUMN_SEARCHED, {"Tags", "标签"}, 0},
    {{"extra", FIELD_OBJECT},
     COLUMN_UNKNOWN | COLUMN_UNLISTED | COLUMN_KEPT,
     {"Other keys of its table in the file", "文件中该表的其他键"},
     0},
    {{"key_order", FIELD_STRINGS, .max = KEYS_MAX},
     COLUMN_UNLISTED | COLUMN_KEPT,
     {"Order of the keys in the file", "文件中键的顺序"},
     0},
    {{0}, 0, {NULL, NULL}, 0},
};

void profile_fill(json_t *values)
{
    static const char *const texts[] = {"description", "base_url", "auth_token"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!json_text_at(values, texts[i]))
            json_object_set_new(values, texts[i], json_string(""));
}

void profile_cut_userinfo(struct actor *actor, json_t *values)
{
    size_t length;
    const char *url = json_text_at(values, "base_url"), *userinfo = url ? url_userinfo(url, &length) : NULL;
    json_t *extra = json_object_get(values, "extra");
    if (!userinfo || value_is_sealed(extra))
        return;
    if (!json_is_object(extra))
        json_object_set(values, "extra", extra = json_object());
    json_object_set_new(extra, "base_url_userinfo", json_string(arena_strndup(actor->arena, userinfo, length)));
    json_object_set_new(
        values, "base_url",
        json_string(arena_printf(actor->arena, "%.*s%s", (int)(userinfo - url), url, userinfo + length + 1)));
}

/* A type that this program does not know is nothing that a form can say; a file's is one of its other keys. */
static void check(struct actor *actor, const char *platform, json_t *values)
{
    const char *type = json_text_at(values, "provider_type"), *token = json_text_at(values, "auth_token");
    (void)platform;
    if (token && *token && secret_mask_shaped(token)) /* also a single star, which elsewhere may be a value */
        fail_field(actor, "auth_token", MSG_MASK, NULL);
    if (type && strcmp(type, "official_relay") != 0 && strcmp(type, "third_party_model") != 0)
        json_object_del(values, "provider_type");
    if (!json_array_size(json_object_get(values, "tags")))
        json_object_del(values, "tags");
    profile_fill(values);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

const char *profile_reserved(const char *platform, const char *name)
{
    static const char *const reserved[] = {"settings", "current_config", "default_config", "current", "switch"};
    (void)platform;
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return reserved[i];
    return NULL;
}

static enum error check_name(struct actor *actor, const char *platform, const char *field, const char *name)
{
    bool taken;
    enum error error = platform_file_has(actor, platform, name, &taken);
    return !error && taken ? fail_field(actor, field, MSG_TOP_LEVEL, name, NULL) : error;
}

/* ---- what keeps one from being used ------------------------------------------------------------------------------ */

static size_t wrong(struct actor *actor, const json_t *values, const char *name, bool required,
                    struct profile_problem *problem)
{
    const char *argument = NULL, *text = json_text_at(values, name);
    enum message message = MSG_NONE;
    if (!is_blank(text) && !value_is_sealed(json_object_get(values, name)))
        message = field_problem(actor, &kind_column(&kind_profile, name)->field, text, &argument);
    else if (is_blank(text) && required)
        message = MSG_NOT_BLANK;
    if (message)
        *problem = (struct profile_problem){name, translate(actor, message, argument, NULL)};
    return message != MSG_NONE;
}

size_t profile_unusable(struct actor *actor, const char *platform, const json_t *values,
                        struct profile_problem problems[PROFILE_PROBLEMS_MAX])
{
    const struct rules *r = rules_of(platform);
    size_t count = wrong(actor, values, "base_url", needs_url(values, platform), problems);
    count += wrong(actor, values, "auth_token", needs_token(values, platform), problems + count);
    return count + wrong(actor, values, "model", r->model_not_blank && json_text_at(values, "model"), problems + count);
}

static const char *problem_of(struct actor *actor, const struct resource *r)
{
    struct profile_problem problems[PROFILE_PROBLEMS_MAX];
    json_t *values = resource_values_kept(actor, r);
    const char *token = json_text_at(values, "auth_token");
    if (token && *token && !value_is_sealed(json_object_get(values, "auth_token")) && secret_mask_shaped(token))
        return arena_printf(actor->arena, "auth_token %s",
                            translate(actor, MSG_MASK_STORED, NULL)); /* older versions took them */
    return profile_unusable(actor, r->platform, values, problems)
               ? arena_printf(actor->arena, "%s %s", problems->field, problems->what)
               : NULL;
}

/* Whoever checks thousands holds one token at a time. */
const char *profile_problem(struct actor *actor, const struct resource *r)
{
    struct arena_mark mark = arena_mark(actor->arena);
    const char *problem = problem_of(actor, r);
    arena_release_but(actor->arena, mark, &(const char **){&problem}, 1);
    return problem;
}

static const char *in_use(struct actor *actor, const char *platform)
{
    struct profile profile;
    return profile_current(actor, platform, &profile) ? NULL : profile.r.name;
}

const struct kind kind_profile = {
    .name = "profile",
    .label = {"Profile", "配置"},
    .columns = columns,
    .platforms = ON_ALL,
    .flags = KIND_ANY_NAME | KIND_LOCAL,
    .name_max = NAME_LENGTH_MAX,
    .most = PROFILES_MAX,
    .unknown = MSG_CONFIG_UNKNOWN,
    .exists = MSG_CONFIG_EXISTS,
    .reserved = profile_reserved,
    .check = check,
    .check_name = check_name,
    .in_use = in_use,
    .leaves = profile_leaves,
    .renamed = profile_renamed,
};
