/* Settings on paper: what `ccr-ui-backend settings` prints, docs/configuration.md and .env.example, all from the table. */
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

/* ---- docs/configuration.md ---- */

static const char markdown_intro[] =
    "<!-- Made by `ccr-ui-backend settings --format markdown`; change src/config/settings.c instead. -->\n"
    "# Configuration\n"
    "\n"
    "Everything is set by environment variables, or by a file of them named with `--env-file`. There is no other\n"
    "configuration file. `ccr-ui-backend check-config` says whether the values are right without starting anything;\n"
    "`ccr-ui-backend settings` prints the values in effect and where each came from, secrets hidden.\n"
    "\n"
    "## Which value wins\n"
    "\n"
    "1. the variable in the environment,\n"
    "2. the variable in the file of `--env-file`,\n"
    "3. the default below.\n"
    "\n"
    "A variable that is set but empty counts as not set. `RUST_LOG` is read where `LOG_LEVEL` is not set: of a list "
    "such\n"
    "as `info,sqlx=warn` the first level without a module counts, and `trace` means `debug`.\n"
    "\n"
    "A wrong value stops the start with one line that names the variable, and exit status 78. At a reload (SIGHUP) it\n"
    "leaves the running settings as they are.\n"
    "\n"
    "## Variables\n"
    "\n"
    "A reload takes over what is marked so. What only a restart changes keeps its value at a reload, which names it with a\n"
    "warning; `GET /api/system/settings` and `/metrics` say what is in force and what waits.\n"
    "\n"
    "| name | type | default | takes effect at a | meaning |\n"
    "|---|---|---|---|---|\n";

static const char markdown_notes[] =
    "\n"
    "## The file\n"
    "\n"
    "One `NAME=value` a line, UTF-8, at most 64 KiB; `export` in front, empty lines, lines that start with `#` and "
    "Windows\n"
    "line ends are fine. Of a name that comes twice the last line counts.\n"
    "\n"
    "- Without quotes the value ends at the end of the line or before a `#` that follows white space.\n"
    "- In single quotes everything is taken as it stands.\n"
    "- In double quotes a backslash may stand before `\"`, `\\`, `$`, `` ` ``, `n`, `r` and `t`.\n"
    "- Variables such as `$HOME` are not replaced.\n"
    "\n"
    "The file holds secrets: give it mode 0600 or 0640.\n"
    "\n"
    "## Changing JWT_SECRET\n"
    "\n"
    "1. Move the present value to `JWT_SECRET_PREVIOUS` and put a new one (`ccr-ui-backend secrets generate`) into\n"
    "   `JWT_SECRET`.\n"
    "2. Reload every host. New tokens are signed with the new secret; old ones still verify.\n"
    "3. After `ACCESS_TOKEN_TTL` seconds no old access token is left: empty `JWT_SECRET_PREVIOUS` and reload.\n"
    "\n"
    "With several hosts, first put the new secret into `JWT_SECRET_PREVIOUS` everywhere and reload, then swap the "
    "two:\n"
    "no host then meets a token it cannot verify.\n"
    "\n"
    "Refresh tokens and personal access tokens are not signed and outlive the change. When the secret has leaked, "
    "leave\n"
    "`JWT_SECRET_PREVIOUS` empty: everyone's access token ends at once and is renewed with the refresh token.\n"
    "\n"
    "## Changing SECRETS_KEY\n"
    "\n"
    "1. Put a new key in front, keep the old one: `SECRETS_KEY=new:<base64>,old:<base64>`. Ids are 1 to 16 of `a-z 0-9 "
    "_ -`\n"
    "   and must differ; up to 16 keys.\n"
    "2. Reload every host. New secrets are sealed with the first key, all keys open.\n"
    "3. Run `ccr-ui-backend secrets rotate`, which seals every stored secret again with the first key.\n"
    "4. Remove the old key and reload. A secret that is still sealed with a removed key cannot be read any more, so "
    "keep\n"
    "   removed keys as long as you keep database backups that need them.\n"
    "\n"
    "With several hosts, first add the new key at the end everywhere and reload, then move it to the front: no host\n"
    "then meets a secret it cannot open.\n";

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
    fputs(markdown_intro, out);
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
    fputs(markdown_notes, out);
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
