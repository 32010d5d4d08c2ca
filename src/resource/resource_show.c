/* Resources as JSON: what they are, then the stored text of their columns as it is. */
#include <string.h>

#include "json.h"
#include "resource.h"

/* The folders of a name; "" for none. */
static void put_folder(struct json_writer *w, const char *name)
{
    char folder[1200];
    const char *slash = strrchr(name, '/');
    size_t length = slash ? (size_t)(slash - name) : 0;
    if (length >= sizeof folder)
        length = 0;
    memcpy(folder, name, length);
    folder[length] = '\0';
    json_string_member(w, "folder", folder);
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
    json_int_member(w, "revision", r->revision);
    json_string_member(w, "updated_at", r->updated_at);
    json_put_members(w, r->listed);
    if (whole && r->unlisted)
        json_put_members(w, r->unlisted);
    json_close_object(w);
}
