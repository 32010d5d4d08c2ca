/* Resources as JSON: what they are, then the stored text of their columns as it is. */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "resource.h"

/* The folders of a name; "" for none. */
static void put_folder(struct json_writer *w, const char *name)
{
    char folder[1200];
    const char *slash = strrchr(name, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - name) : 0, name);
    json_string_member(w, "folder", folder);
}

static void put_platforms(struct json_writer *w, const struct resource *r)
{
    json_literal_key(w, "platforms");
    if (r->shared) {
        json_put_raw(w, r->shared);
        return;
    }
    json_open_object(w);
    json_key(w, r->platform);
    json_put_bool(w, r->enabled);
    json_close_object(w);
}

void resource_write(struct json_writer *w, const struct resource *r, bool whole)
{
    json_open_object(w);
    json_string_member(w, "name", r->name);
    if (r->kind->flags & KIND_FOLDERS)
        put_folder(w, r->name);
    json_string_member(w, "kind", r->kind->name);
    json_string_member(w, "platform", r->platform);
    json_bool_member(w, "enabled", r->enabled);
    if (r->kind->flags & KIND_SHARED)
        put_platforms(w, r);
    json_int_member(w, "revision", r->revision);
    json_string_member(w, "updated_at", r->updated_at);
    json_put_members(w, r->listed);
    if (whole && r->unlisted)
        json_put_members(w, r->unlisted);
    json_close_object(w);
}

static void write_change(struct actor *actor, struct json_writer *w, const char *field, json_t *before, json_t *after)
{
    json_open_object(w);
    json_string_member(w, "field", field);
    json_raw_member(w, "old_value", before ? json_text(actor->arena, before) : NULL);
    json_raw_member(w, "new_value", after ? json_text(actor->arena, after) : NULL);
    json_close_object(w);
}

/* A secret that does not open counts as changed when its mask did. */
static json_t *clear_or_shown(struct actor *actor, const struct resource *r)
{
    json_t *values;
    if (resource_values(actor, r, &values) == ERR_NONE)
        return values;
    actor->failure.message = MSG_NONE;
    return resource_shown(r);
}

void resource_write_changes(struct actor *actor, struct json_writer *w, const struct resource *before,
                            const struct resource *after)
{
    json_t *old = clear_or_shown(actor, before), *new = clear_or_shown(actor, after);
    json_t *old_shown = resource_shown(before), *new_shown = resource_shown(after);
    json_open_array(w);
    for (const struct column *column = after->kind->columns; column->field.type; column++) {
        const char *name = column->field.name;
        if (!same_value(json_object_get(old, name), json_object_get(new, name)))
            write_change(actor, w, name, json_object_get(old_shown, name), json_object_get(new_shown, name));
    }
    if (before->enabled != after->enabled)
        write_change(actor, w, "enabled", json_boolean(before->enabled), json_boolean(after->enabled));
    json_close_array(w);
}
