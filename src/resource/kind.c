/* Kinds by name, and the checks of their tables at start. */
#include "kind.h"

#include <string.h>

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
