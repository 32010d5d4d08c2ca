/* Reading the list of prices once a day. What kept it from that is logged, and stands with the job until it succeeds. */
#include "price_updates.h"

#include "log.h"
#include "price_file.h"
#include "prices.h"

enum { ARENA_MAX = 128 * MIB, PROBLEM_MAX = 400 };

enum error price_updates_read(struct house *house)
{
    struct price_file *file = arena_alloc(house->arena, sizeof *file);
    char *problem = arena_alloc(house->arena, PROBLEM_MAX);
    house->prepared = file;
    house->problem = problem;
    const char *place = house->settings->prices_url;
    bool read = *place == '/' ? price_file_load(file, place, problem, PROBLEM_MAX)
                              : price_file_fetch(file, place, house->goes_on, house->context, problem, PROBLEM_MAX);
    if (!read)
        return ERR_EXTERNAL;
    house->problem = NULL;
    return ERR_NONE;
}

static void tell(const struct prices_counts *counts)
{
    size_t skipped = 0;
    for (int why = 0; why < PRICE_SKIPS; why++)
        skipped += counts->skipped[why];
    log_info("prices were read", LOG_INT("added", counts->added), LOG_INT("changed", counts->changed),
             LOG_INT("same", counts->same), LOG_INT("older", counts->older), LOG_INT("skipped", skipped));
}

enum error price_updates_store(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    struct price_file *file = house->prepared;
    const struct prices_import import = {.when = file->when, .source = file->source};
    struct prices_counts counts;
    struct arena *arena = arena_new(ARENA_MAX);
    (void)job;
    enum error error = prices_import(house->db, arena, buffer_string(&file->text), &import, &counts);
    if (error == ERR_VALIDATION)
        house->problem = "what stands at PRICES_URL is no list of prices in LiteLLM's form";
    arena_free(arena);
    if (error)
        return error;
    tell(&counts);
    run->rows += counts.added + counts.changed;
    *more = false;
    return ERR_NONE;
}

void price_updates_clean(struct house *house)
{
    if (house->prepared)
        price_file_free(house->prepared);
}
