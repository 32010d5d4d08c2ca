/* Unknown keys of a profile: sealed when they hold a secret, masked when they are shown. */
#include "profile_extra.h"

#include <string.h>
#include <strings.h>

#include "util.h"

#define SEALED "$sealed"

bool key_names_secret(const char *key)
{
    static const char *const parts[] = {"token", "secret", "passw", "api_key", "apikey", "credential", "private_key"};
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strcasestr(key, parts[i]))
            return true;
    return false;
}

static bool holds_secret(json_t *value, bool named)
{
    const char *key;
    json_t *part;
    size_t i;
    bool found = named && json_is_string(value);
    json_array_foreach(value, i, part) found |= holds_secret(part, named);
    json_object_foreach(value, key, part) found |= holds_secret(part, named || key_names_secret(key));
    return found;
}

static const char *context_of(struct request *rq, const struct profile *p)
{
    return secret_context(rq->arena, rq->who.workspace_id, p->id);
}

enum error profile_extra(struct request *rq, const struct profile *p, json_t **extra)
{
    *extra = p->extra ? json_stored(p->extra) : json_object();
    const char *sealed = json_string_value(json_object_get(*extra, SEALED));
    if (!sealed)
        return OK;
    const char *text = secret_open(rq->service->keyring, rq->arena, context_of(rq, p), sealed);
    *extra = text ? json_stored(text) : NULL;
    return *extra ? OK : fail(rq, MSG_SECRET_UNREADABLE, p->name, NULL);
}

void profile_set_extra(struct request *rq, struct profile *p, json_t *extra)
{
    /* A key that is called like the mark itself is sealed too, so that nobody can make up a sealed value. */
    p->extra = json_text(rq->arena, extra);
    if (!holds_secret(extra, false) && !json_object_get(extra, SEALED))
        return;
    json_t *mark = json_object();
    json_object_set_new(mark, SEALED,
                        json_string(secret_seal(rq->service->keyring, rq->arena, context_of(rq, p), p->extra)));
    p->extra = json_text(rq->arena, mark);
}

/* What a text becomes, given what stands at the same place in another tree (NULL = nothing). */
typedef const char *change(struct request *rq, const char *text, const char *other);

static json_t *changed(struct request *rq, json_t *value, const json_t *other, bool named, change *how);

static void change_members(struct request *rq, json_t *value, const json_t *other, bool named, change *how)
{
    const char *key;
    json_t *part;
    json_object_foreach(value, key, part)
    {
        bool secret = named || key_names_secret(key);
        json_object_set(value, key, changed(rq, part, json_object_get(other, key), secret, how)); /* no new key: safe */
    }
}

static json_t *changed(struct request *rq, json_t *value, const json_t *other, bool named, change *how)
{
    size_t i;
    json_t *part;
    if (json_is_string(value) && named)
        return json_string(how(rq, json_string_value(value), json_string_value(other)));
    if (json_is_object(value))
        change_members(rq, value, other, named, how);
    json_array_foreach(value, i, part)
        json_array_set(value, i, changed(rq, part, json_array_get(other, i), named, how));
    return value;
}

static const char *mask(struct request *rq, const char *text, const char *other)
{
    (void)other;
    return secret_mask(rq->arena, text);
}

static const char *unmask(struct request *rq, const char *text, const char *other)
{
    return other && strcmp(text, secret_mask(rq->arena, other)) == 0 ? other : text;
}

void extra_mask(struct request *rq, json_t *extra)
{
    changed(rq, extra, NULL, false, mask);
}

void extra_unmask(struct request *rq, json_t *extra, const json_t *old)
{
    changed(rq, extra, old, false, unmask);
}
