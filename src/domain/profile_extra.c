/* What a file holds that this program does not know: sealed in the store, masked where it is shown. */
#include "profile_extra.h"

#include <string.h>

#include "platform.h"
#include "util.h"

#define SEALED "$sealed"

/* ---- in the store ----------------------------------------------------------------------------------------------- */

static const char *extra_context(struct actor *actor, const char *row_id)
{
    return secret_context(actor->arena, actor->who.workspace_id, row_id);
}

enum error extra_open(struct actor *actor, const char *row_id, const char *name, const char *stored, json_t **extra)
{
    *extra = stored ? json_stored(stored) : json_object();
    const char *sealed = json_string_value(json_object_get(*extra, SEALED));
    if (!sealed)
        return *extra ? ERR_NONE : fail(actor, MSG_SECRET_UNREADABLE, name, NULL);
    const char *text = secret_open(actor->keyring, actor->arena, extra_context(actor, row_id), sealed);
    *extra = text ? json_stored(text) : NULL;
    return *extra ? ERR_NONE : fail(actor, MSG_SECRET_UNREADABLE, name, NULL);
}

const char *extra_seal(struct actor *actor, const char *row_id, json_t *extra)
{
    if (!json_object_size(extra))
        return "{}";
    const char *text = json_text(actor->arena, extra);
    json_t *mark = json_object();
    json_object_set_new(mark, SEALED,
                        json_string(secret_seal(actor->keyring, actor->arena, extra_context(actor, row_id), text)));
    return json_text(actor->arena, mark);
}

/* ---- what may be shown ------------------------------------------------------------------------------------------ */

enum shape {
    WORDS,    /* anything that holds no URL with a password */
    VARIABLE, /* the name of an environment variable, as one writes them: where people paste the key itself */
    NAME,     /* a profile's, which may be anything and is shown everywhere */
};

/* Keys whose texts say nothing secret: those of CCR and of the Codex settings that it passes on. '*' stands for any key, '@' for a
 * platform; what is in an array stands at the array's own place. */
static const struct harmless {
    enum extra_kind kind;
    const char *path[2];
    enum shape shape;
} harmless_keys[] = {
    {EXTRA_PROFILE, {"api_mode"}, WORDS},
    {EXTRA_PROFILE, {"approval_policy"}, WORDS},
    {EXTRA_PROFILE, {"approvals_reviewer"}, WORDS},
    {EXTRA_PROFILE, {"bearer_token_env_var"}, VARIABLE},
    {EXTRA_PROFILE, {"env_key"}, VARIABLE},
    {EXTRA_PROFILE, {"model_provider"}, WORDS},
    {EXTRA_PROFILE, {"model_reasoning_effort"}, WORDS},
    {EXTRA_PROFILE, {"model_reasoning_summary"}, WORDS},
    {EXTRA_PROFILE, {"model_verbosity"}, WORDS},
    {EXTRA_PROFILE, {"network_access"}, WORDS},
    {EXTRA_PROFILE, {"personality"}, WORDS},
    {EXTRA_PROFILE, {"plan_mode_reasoning_effort"}, WORDS},
    {EXTRA_PROFILE, {"preferred_auth_method"}, WORDS},
    {EXTRA_PROFILE, {"provider_type"}, WORDS},
    {EXTRA_PROFILE, {"requires_openai_auth"}, WORDS},
    {EXTRA_PROFILE, {"review_model"}, WORDS},
    {EXTRA_PROFILE, {"sandbox_mode"}, WORDS},
    {EXTRA_PROFILE, {"service_tier"}, WORDS},
    {EXTRA_PROFILE, {"wire_api"}, WORDS},
    {EXTRA_FILE, {"version"}, WORDS},
    {EXTRA_REGISTRY, {"current_platform"}, WORDS},
    {EXTRA_REGISTRY, {"default_platform"}, WORDS},
    {EXTRA_REGISTRY, {"version"}, WORDS},
    {EXTRA_REGISTRY, {"*", "current_profile"}, NAME},
    {EXTRA_REGISTRY, {"@", "description"}, WORDS},
    {EXTRA_REGISTRY, {"*", "last_used"}, WORDS},
};

/* Where a value stands. */
struct place_in {
    const struct place_in *outer; /* NULL at the top */
    const char *key;              /* NULL in an array */
    size_t index;                 /* in an array */
};

static bool is_key(const char *pattern, const char *key)
{
    if (strcmp(pattern, "@") == 0)
        return platform_find(key) != NULL;
    return strcmp(pattern, "*") == 0 || strcmp(pattern, key) == 0;
}

static bool stands_at(const struct place_in *at, const struct harmless *harmless)
{
    size_t depth = harmless->path[1] ? 2 : 1;
    for (; at; at = at->outer) {
        if (!at->key) /* what is in an array stands at the array's own place */
            continue;
        if (!depth--)
            return false;
        if (!is_key(harmless->path[depth], at->key))
            return false;
    }
    return !depth;
}

/* As POSIX has them: no digit first. */
static bool is_variable(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text) && strlen(text) <= 64 &&
           !strchr("0123456789", *text);
}

/* The list's entry for a place, NULL = none. */
static const struct harmless *find_harmless(enum extra_kind kind, const struct place_in *at)
{
    for (size_t i = 0; i < ARRAY_SIZE(harmless_keys); i++)
        if (harmless_keys[i].kind == kind && stands_at(at, &harmless_keys[i]))
            return &harmless_keys[i];
    return NULL;
}

static bool is_shown(const struct harmless *harmless, const char *text)
{
    if (!harmless || harmless->shape == NAME)
        return harmless != NULL;
    return harmless->shape == VARIABLE ? is_variable(text) : !url_has_userinfo(text);
}

enum { STARS_MIN = 3 }; /* fewer are no mask: "*" often is a value */

static const char *mask_of(struct actor *actor, const char *text)
{
    const char *mask = secret_mask(actor->arena, text);
    return *mask && strlen(mask) < STARS_MIN ? "***" : mask;
}

/* ---- walking through -------------------------------------------------------------------------------------------- */

struct walk {
    struct actor *actor;
    enum extra_kind kind;
    /* What a text becomes, given what stands at the same place in another tree (NULL = nothing). */
    const char *(*how)(struct walk *walk, const char *text, const char *other, const struct place_in *at);
    const struct toml *table;
    struct masked_key *found; /* NULL = none, or nobody asks */
};

/* A table that has a key called like the mark (toml.h). */
static bool is_wrapped(const json_t *value)
{
    const char *kind = json_string_value(json_object_get(value, "$toml"));
    return kind && strcmp(kind, "table") == 0;
}

/* Dates and odd numbers; a file's own table that looks like one is wrapped (toml.h). Anything else may hold a secret. */
static bool is_plain_value(const json_t *value)
{
    const char *kind = json_string_value(json_object_get(value, "$toml"));
    return kind && (strcmp(kind, "datetime") == 0 || strcmp(kind, "float") == 0) && json_object_size(value) == 2;
}

static json_t *walk_value(struct walk *walk, json_t *value, const json_t *other, const struct place_in *at);

static void change_members(struct walk *walk, json_t *value, const json_t *other, const struct place_in *at)
{
    const char *key;
    json_t *part;
    json_object_foreach(value, key, part)
    {
        struct place_in inner = {at, key, 0};
        json_object_set(value, key, walk_value(walk, part, json_object_get(other, key), &inner)); /* no new key: safe */
    }
}

static json_t *walk_value(struct walk *walk, json_t *value, const json_t *other, const struct place_in *at)
{
    size_t i;
    json_t *part;
    const char *text = json_string_value(value), *others = json_string_value(other);
    if (text) {
        const char *now = walk->how(walk, text, others, at);
        return now == text ? value : json_string(now);
    }
    if (json_is_object(value) && !is_plain_value(value))
        change_members(walk, is_wrapped(value) ? json_object_get(value, "value") : value,
                       is_wrapped(other) ? json_object_get(other, "value") : other, at);
    json_array_foreach(value, i, part)
    {
        struct place_in inner = {at, NULL, i};
        json_array_set(value, i, walk_value(walk, part, json_array_get(other, i), &inner));
    }
    return value;
}

static const char *mask(struct walk *walk, const char *text, const char *other, const struct place_in *at)
{
    (void)other;
    return is_shown(find_harmless(walk->kind, at), text) ? text : mask_of(walk->actor, text);
}

static const struct toml *node_at(const struct toml *table, const struct place_in *at)
{
    const struct toml *node = at ? node_at(table, at->outer) : table;
    if (!at || !node)
        return node;
    if (at->key)
        return toml_get(node, at->key);
    node = node->first;
    for (size_t i = 0; node && i < at->index; i++)
        node = node->next;
    return node;
}

static const char *path_of(struct actor *actor, const struct place_in *at)
{
    const char *outer = at->outer ? path_of(actor, at->outer) : NULL;
    if (!at->key)
        return arena_printf(actor->arena, "%s[%zu]", outer, at->index);
    return outer ? arena_printf(actor->arena, "%s.%s", outer, at->key) : at->key;
}

static const char *unmask(struct walk *walk, const char *text, const char *other, const struct place_in *at)
{
    const struct harmless *harmless = find_harmless(walk->kind, at);
    struct masked_key *found = walk->found;
    if (harmless && harmless->shape == NAME)
        return text;
    /* What is shown today may have been masked in an older file, so a harmless key's text is looked at, too. */
    if (other && strcmp(text, is_shown(harmless, other) ? other : mask_of(walk->actor, other)) == 0)
        return other;
    if (strlen(text) >= STARS_MIN && secret_mask_shaped(text) && !found->path)
        *found =
            (struct masked_key){arena_strdup(walk->actor->arena, path_of(walk->actor, at)), node_at(walk->table, at)};
    return text;
}

void extra_mask(struct actor *actor, enum extra_kind kind, json_t *extra)
{
    struct walk walk = {.actor = actor, .kind = kind, .how = mask};
    change_members(&walk, extra, NULL, NULL);
}

bool extra_unmask(struct actor *actor, enum extra_kind kind, const struct toml *table, json_t *extra, const json_t *old,
                  struct masked_key *found)
{
    *found = (struct masked_key){NULL, NULL};
    struct walk walk = {actor, kind, unmask, table, found};
    change_members(&walk, extra, old, NULL);
    return !found->path;
}
