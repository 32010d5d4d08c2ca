/* Name index over Jansson's objects, which are hash tables with a random seed. */
#include "name_index.h"

struct name_index name_index_new(void)
{
    return (struct name_index){json_object()};
}

void name_index_add(struct name_index *index, const char *name, size_t place)
{
    json_object_set_new_nocheck(index->places, name, json_integer((json_int_t)place));
}

bool name_index_find(const struct name_index *index, const char *name, size_t *place)
{
    const json_t *found = json_object_get(index->places, name);
    if (found && place)
        *place = (size_t)json_integer_value(found);
    return found != NULL;
}

bool name_index_note(struct name_index *index, const char *name)
{
    bool is_new = !name_index_find(index, name, NULL);
    if (is_new)
        name_index_add(index, name, 0);
    return is_new;
}
