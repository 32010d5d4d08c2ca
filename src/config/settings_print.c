/* Settings on paper: what `ccr-ui-backend settings` prints, the table of docs/configuration.md, and .env.example. */
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "json.h"
#include "settings_table.h"
#include "util.h"

/* What a changed value waits for. */
static const char *takes_effect(const struct setting *row)
{
    return row->restart ? "restart" : "reload";
}

/* ---- effective values ---- */

static void print_settings_table(const struct settings *settings, FILE *out)
{
    int name_width = 0, value_width = 0;

    for (const struct setting *row = settings_table; row->name; row++) {
        int name = (int)strlen(row->name);
        int value = (int)strlen(settings_value(settings, row)->shown);
        name_width = name > name_width ? name : name_width;
        value_width = value > value_width && value <= 60 ? value : value_width;
    }
    for (const struct setting *row = settings_table; row->name; row++) {
        const struct setting_value *value = settings_value(settings, row);
        fprintf(out, "%-*s  %-*s  %-7s  %s\n", name_width, row->name, value_width, *value->shown ? value->shown : "-",
                takes_effect(row), value->source);
    }
}

static void print_settings_json(const struct settings *settings, FILE *out)
{
    struct json_writer w;
    struct buffer text;

    buffer_init(&text, MIB);
    json_begin(&w, &text);
    json_open_array(&w);
    for (const struct setting *row = settings_table; row->name; row++) {
        const struct setting_value *value = settings_value(settings, row);
        json_open_object(&w);
        json_string_member(&w, "name", row->name);
        if (row->type->number)
            json_raw_member(&w, "value", value->shown);
        else
            json_string_member(&w, "value", *value->shown ? value->shown : NULL);
        json_string_member(&w, "source", value->source);
        json_string_member(&w, "takes_effect", takes_effect(row));
        json_close_object(&w);
    }
    json_close_array(&w);
    fprintf(out, "%s\n", buffer_string(&text));
    buffer_free(&text);
}

void settings_print(const struct settings *settings, FILE *out, bool json)
{
    if (json)
        print_settings_json(settings, out);
    else
        print_settings_table(settings, out);
}

/* ---- the table of docs/configuration.md ---- */

/* Text in a table cell: '|' would end it. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_kind(FILE *out, const struct setting *row)
{
    char words[200];

    if (row->words)
        print_cell(out, setting_words(row, words, sizeof words));
    else if (row->kind)
        print_cell(out, row->kind);
    else if (row->type == &setting_octal)
        fprintf(out, "octal mode, %03llo to %04llo", (unsigned long long)row->min, (unsigned long long)row->max);
    else
        fprintf(out, "whole number, %lld to %lld", row->min, row->max);
}

static void print_default(FILE *out, const struct setting *row)
{
    if (row->required)
        fprintf(out, "**required**");
    else if (*row->fallback)
        fprintf(out, "`%s`", row->fallback);
    else
        fprintf(out, "(empty)");
}

void settings_print_markdown(FILE *out)
{
    fputs("| name | type | default | takes effect at a | meaning |\n"
          "|---|---|---|---|---|\n",
          out);
    for (const struct setting *row = settings_table; row->name; row++) {
        fprintf(out, "| `%s` | ", row->name);
        print_kind(out, row);
        fprintf(out, " | ");
        print_default(out, row);
        fprintf(out, " | %s | ", takes_effect(row));
        print_cell(out, row->help);
        if (row->alias)
            fprintf(out, " `%s` is read where it is not set.", row->alias);
        fprintf(out, "%s |\n", row->secret ? " Secret." : "");
    }
}

/* ---- .env.example ---- */

static const char env_intro[] =
    "# Settings of ccr-ui-backend, for --env-file or systemd's EnvironmentFile=. docs/configuration.md explains them.\n"
    "# Made by: ccr-ui-backend settings --format env\n"
    "# Copy to /etc/ccr-ui/ccr-ui.env, fill in what is required, and give it mode 0640: it holds secrets.\n"
    "\n"
    "# ---- required ----\n";

/* Comments hold the help without Markdown's backquotes, broken before column 100. */
static void print_comment(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t word = strcspn(text, " ");
        if (column == 0 || column + word > 98) {
            fprintf(out, "%s#", column ? "\n" : "");
            column = 1;
        }
        fputc(' ', out);
        for (size_t i = 0; i < word; i++)
            if (text[i] != '`')
                fputc(text[i], out);
        column += word + 1;
        text += word;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static void print_env_row(FILE *out, const struct setting *row)
{
    char words[200];

    fputc('\n', out);
    print_comment(out, row->help);
    if (row->words)
        fprintf(out, "# One of: %s.\n", setting_words(row, words, sizeof words));
    else if (row->type->number)
        fprintf(out, "# %lld to %lld.\n", row->min, row->max);
    if (row->restart)
        fprintf(out, "# A change takes effect at a restart.\n");
    fprintf(out, "%s%s=%s\n", row->required ? "" : "#", row->name, row->example ? row->example : row->fallback);
}

void settings_print_env_example(FILE *out)
{
    fputs(env_intro, out);
    for (const struct setting *row = settings_table; row->name; row++)
        if (row->required)
            print_env_row(out, row);
    fputs("\n# ---- optional; the values shown are the defaults or examples ----\n", out);
    for (const struct setting *row = settings_table; row->name; row++)
        if (!row->required)
            print_env_row(out, row);
}
