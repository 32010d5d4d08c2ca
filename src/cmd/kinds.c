/* kinds: prints what there is to configure, and with which columns. */
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "kind.h"
#include "platform.h"

static void print_json(void)
{
    struct buffer text;
    struct json_writer w;
    struct arena *arena = arena_new(MIB);
    buffer_init(&text, MIB);
    json_begin(&w, &text);
    kinds_write(&w, arena);
    puts(buffer_string(&text));
    buffer_free(&text);
    arena_free(arena);
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

static void print_table(void)
{
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
}

static int run(int argc, char **argv)
{
    static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c != 'j')
            return EX_USAGE;
        json = true;
    }
    if (optind < argc) {
        fprintf(stderr, "ccr-ui-backend: kinds takes options only; see ccr-ui-backend kinds --help\n");
        return EX_USAGE;
    }
    if (json)
        print_json();
    else
        print_table();
    return EX_OK;
}

const struct command command_kinds = {
    .name = "kinds",
    .usage = "kinds [--json]",
    .summary = "print what can be configured on which platform",
    .help = "  --json  every kind with its columns, as GET /api/kinds answers\n",
    .run = run,
};
