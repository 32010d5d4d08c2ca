/* kinds: prints what there is to configure, and with which columns. */
#include <stdio.h>

#include "command.h"
#include "kind.h"
#include "platform.h"

static bool json;

static int print_json(void)
{
    struct arena *arena = arena_new(MIB);
    kinds_write(command_json(), arena);
    arena_free(arena);
    return command_json_print() ? EX_OK : EX_SOFTWARE;
}

static void print_columns(const struct kind *kind)
{
    const char *before = "";
    for (const struct column *column = kind->columns; column->field.type; column++, before = ", ") {
        const char *required = column->field.flags & FIELD_REQUIRED ? "*" : "";
        const char *secret = column->flags & COLUMN_SECRET ? "!" : "";
        printf("%s%s%s%s", before, column->field.name, required, secret);
    }
    printf("\n");
}

static int kinds_run(void)
{
    if (json)
        return print_json();
    printf("%-14s", "kind");
    for (const struct platform *p = platforms; p->name; p++)
        printf(" %-6s", p->name);
    printf("  %-6s  columns (* required, ! secret)\n", "write");
    for (const struct kind *const *kind = kind_table; *kind; kind++) {
        printf("%-14s", (*kind)->name);
        for (const struct platform *p = platforms; p->name; p++)
            printf(" %-6s", kind_is_on(*kind, p->name) ? "yes" : "-");
        printf("  %-6s  ", access_names[kind_access(*kind)]);
        print_columns(*kind);
    }
    return EX_OK;
}

const struct command command_kinds = {
    .name = "kinds",
    .usage = "kinds [--json]",
    .summary = "print what can be configured on which platform",
    .help = "  --json  every kind with its columns, as GET /api/kinds answers\n",
    .options = (const struct command_option[]){{"json", .flag = &json}, {0}},
    .run = kinds_run,
};
