/* Kinds by name, and the checks of their tables at start. */
#include "kind.h"

#include <string.h>

#include "platform.h"

const struct kind *kind_find(const char *name)
{
    for (const struct kind *const *kind = kind_table; *kind; kind++)
        if (strcmp((*kind)->name, name) == 0)
            return *kind;
    return NULL;
}

const struct column *kind_column(const struct kind *kind, const char *name)
{
    for (const struct column *column = kind->columns; column->field.type; column++)
        if (strcmp(column->field.name, name) == 0)
            return column;
    return NULL;
}

unsigned platform_bit(const char *platform)
{
    for (unsigned i = 0; platforms[i].name; i++)
        if (strcmp(platforms[i].name, platform) == 0)
            return 1U << i;
    return 0;
}
