/* prices {import|list}: the site's prices of models, for whoever can read the env file. */
#include "prices.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "command.h"
#include "price_file.h"
#include "settings.h"
#include "util.h"

enum { ARENA_MAX = 128 * MIB };

enum { ACTION, FILE_NAME, WORDS };
static const char *words[WORDS];
static struct {
    const char *date;
    bool json;
} given;

/* ---- import ----------------------------------------------------------------------------------------------------- */

static void print_counts(const struct prices_counts *counts)
{
    printf("%lld new, %lld changed, %lld the same", counts->added, counts->changed, counts->same);
    if (counts->older)
        printf(", %lld left as a newer list has them", counts->older);
    printf("\n");
    for (int why = 0; why < PRICE_SKIPS; why++)
        if (counts->skipped[why])
            printf("left out (%s): %zu\n", price_skip_names[why], counts->skipped[why]);
    if (*counts->ambiguous)
        printf("at several prices: %s\n", counts->ambiguous);
}

static void write_counts(const struct prices_counts *counts)
{
    struct json_writer *w = command_json();
    json_open_object(w);
    json_int_member(w, "new", counts->added);
    json_int_member(w, "changed", counts->changed);
    json_int_member(w, "same", counts->same);
    json_int_member(w, "older", counts->older);
    json_literal_key(w, "skipped");
    json_open_object(w);
    for (int why = 0; why < PRICE_SKIPS; why++) {
        json_key(w, price_skip_names[why]);
        json_put_int(w, (long long)counts->skipped[why]);
    }
    json_close_object(w);
    json_string_member(w, "ambiguous", counts->ambiguous);
    json_close_object(w);
}

static int import_file(struct actor *actor, const struct price_file *file)
{
    const struct prices_import import = {.when = given.date ? arena_printf(actor->arena, "%s 00:00+00", given.date)
                                                            : file->when,
                                         .source = file->source};
    struct prices_counts counts;
    enum error error = prices_import(actor->db, actor->arena, buffer_string(&file->text), &import, &counts);
    if (error == ERR_VALIDATION)
        return command_refuse(EX_DATAERR, "the file is no list of prices in LiteLLM's form, or --date is no date");
    if (!error)
        error = audit_site(actor, "price.import", file->source);
    if (!error)
        error = db_commit(actor->db);
    if (error)
        return command_refuse(EX_UNAVAILABLE, "the prices were not taken; nothing is changed");
    if (!given.json) {
        print_counts(&counts);
        return EX_OK;
    }
    write_counts(&counts);
    return command_json_print() ? EX_OK : EX_SOFTWARE;
}

static int import_named(struct actor *actor)
{
    char problem[400];
    struct price_file file;
    if (!words[FILE_NAME])
        return COMMAND_MISUSED;
    if (given.date && !text_matches(given.date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", NULL, 0))
        return command_refuse(EX_USAGE, "--date is a day, such as 2026-01-31");
    bool loaded = price_file_load(&file, words[FILE_NAME], problem, sizeof problem);
    int status = loaded ? import_file(actor, &file)
                        : command_refuse(EX_NOINPUT, arena_printf(actor->arena, "%s: %s", words[FILE_NAME], problem));
    price_file_free(&file);
    return status;
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

#define A_RATE(name) "trim_scale(" name ")::text::json AS " name

static const struct statement list = {
    "prices_list",
    "SELECT shown AS model, tier, prompt_above, CASE WHEN isfinite(since) THEN since END AS since, " A_RATE("input") ", " A_RATE(
        "output") ", " A_RATE("cache_read") ", " A_RATE("cache_write") ", " A_RATE("cache_write_1h") ", source,"
                                                                                                     " seen_at FROM usage_prices WHERE workspace_id IS NULL ORDER BY model, tier, since, prompt_above"};

enum { MODEL, TIER, ABOVE, SINCE, INPUT, RATES_END = INPUT + PRICE_RATES };

static void print_price(const struct row *row)
{
    long long above = row_int(row, ABOVE);
    char range[DECIMAL_TEXT + 1] = "", number[DECIMAL_TEXT];
    if (above >= 0)
        snprintf(range, sizeof range, ">%s", decimal(number, above));
    printf("%-32s %-8s %-8s %-10.10s", row_string(row, MODEL), row_string(row, TIER), range,
           row_text(row, SINCE) ? row_text(row, SINCE) : "always");
    for (int rate = INPUT; rate < RATES_END; rate++)
        printf(" %12s", row_text(row, rate) ? row_text(row, rate) : "-");
    printf("\n");
}

static int list_all_prices(struct actor *actor)
{
    struct rows rows;
    if (words[FILE_NAME] || given.date)
        return COMMAND_MISUSED;
    if (db_all(actor->db, &list, &rows, DB_NO_ARGS) != ERR_NONE)
        return EX_UNAVAILABLE;
    if (given.json) {
        rows_write(&rows, command_json());
        return command_json_print() ? EX_OK : EX_SOFTWARE;
    }
    printf("US dollars for a million tokens\n%-32s %-8s %-8s %-10s", "model", "tier", "prompt", "since");
    for (int rate = 0; rate < PRICE_RATES; rate++)
        printf(" %12s", price_rate_names[rate]);
    printf("\n");
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        print_price(&row);
    }
    return EX_OK;
}

/* ---- the subcommand --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(struct actor *actor);
} actions[] = {{"import", import_named}, {"list", list_all_prices}};

static int act(const struct settings *settings, int (*run)(struct actor *actor))
{
    struct db *db = command_database(settings);
    if (!db)
        return EX_UNAVAILABLE;
    db_maintenance(db, true);
    struct actor actor = {
        .arena = arena_new(ARENA_MAX), .db = db, .settings = settings, .who.username = "console", .address = "console"};
    random_uuid(actor.request_id);
    db_begin(db);
    int status = run(&actor);
    db_rollback(db); /* what was to stay is committed */
    arena_free(actor.arena);
    db_free(db);
    return status;
}

static int prices_run(void)
{
    size_t i = 0;
    while (i < ARRAY_SIZE(actions) && !text_equal(words[ACTION], actions[i].name))
        i++;
    if (i == ARRAY_SIZE(actions))
        return COMMAND_MISUSED;
    struct settings settings;
    int status = command_settings_load(&settings);
    if (status)
        return status;
    status = act(&settings, actions[i].run);
    settings_free(&settings);
    return status;
}

const struct command command_prices = {
    .name = "prices",
    .usage = "prices {import FILE [--date YYYY-MM-DD] | list} [--json] [--env-file FILE]",
    .summary = "take a list of models' prices, or print those there are",
    .help =
        "  import FILE        take the prices of a file in LiteLLM's form (model_prices_and_context_window.json): what\n"
        "                     changed holds from its date on, nothing is removed; the same file once more changes\n"
        "                     nothing\n"
        "  --date YYYY-MM-DD  the list's date, in UTC; else when the file was written\n"
        "  list               the site's prices, in US dollars for a million tokens; those that workspaces have set for\n"
        "                     themselves are not among them\n"
        "  --json             machine-readable\n"
        "\n"
        "Exit status: 0 done; 65 not such a list, or no day of the calendar; 66 the file cannot be read; 69 no database; 78 a wrong\n"
        "setting.\n",
    .options =
        (const struct command_option[]){
            {"date", .text = &given.date}, {"json", .flag = &given.json}, OPTION_ENV_FILE, {0}},
    .words = words,
    .words_max = WORDS,
    .run = prices_run,
};
