/* Usage intake. */
#include "usage_intake.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util.h"

enum { DAY_S = 24 * 60 * 60, FUTURE_S = 2 * DAY_S, BATCH_TRIES = 4 };
#define EARLIEST_S 1577836800LL /* 2020-01-01: none of these tools is older */
#define SECOND_US  1000000LL

static const struct statement
    keep_place =
        {"usage_keep_place",
         "INSERT INTO usage_files (workspace_id, hash, position, state) VALUES ($1::uuid, $2::uuid, $3::bigint, $4)"
         " ON CONFLICT (workspace_id, hash) DO UPDATE SET position = excluded.position, state = excluded.state,"
         " updated_at = now()"},
    find_place = {"usage_find_place",
                  "SELECT position, state FROM usage_files WHERE workspace_id = $1::uuid AND hash = $2::uuid"};

/* An arena that is exhausted leaves its request in the middle of everything: what was open then is freed by the next one. */
static struct usage_intake *open_one;

/* What is older than what is kept would be counted again each time. */
static int64_t earliest(const struct settings *settings)
{
    int64_t kept = ((int64_t)time(NULL) - settings->usage_retention * DAY_S) * SECOND_US,
            least = EARLIEST_S * SECOND_US;
    return settings->usage_retention && kept > least ? kept : least;
}

struct usage_intake *usage_intake_new(struct actor *actor, enum usage_source source, const char *machine)
{
    usage_intake_free(open_one);
    struct arena *arena = arena_new(MIB);
    struct usage_intake *intake = arena_alloc(arena, sizeof *intake);
    intake->arena = arena;
    intake->actor = actor;
    intake->ledger = ledger_new(actor, source, machine);
    intake->earliest_us = earliest(actor->settings);
    intake->latest_us = ((int64_t)time(NULL) + FUTURE_S) * SECOND_US;
    return open_one = intake;
}

void usage_intake_free(struct usage_intake *intake)
{
    if (!intake)
        return;
    ledger_free(intake->ledger);
    if (open_one == intake)
        open_one = NULL;
    arena_free(intake->arena);
}

void usage_intake_complain(void *context, long long line, const char *why)
{
    struct usage_intake *intake = context;
    if (intake->complaint_count == INTAKE_COMPLAINTS)
        return;
    size_t n = intake->complaint_count++;
    intake->complaints[n].line = line;
    snprintf(intake->complaints[n].file, INTAKE_FILE, "%s", intake->file ? intake->file : "");
    snprintf(intake->complaints[n].why, INTAKE_WHY, "%s", why);
}

bool usage_intake_take(void *context, const struct usage_record *record)
{
    struct usage_intake *intake = context;
    struct usage_record now = *record;
    if (record->so_far && !record->time_us) /* a sum tells no time: it is as it is now */
        now.time_us = (int64_t)time(NULL) * SECOND_US;
    if (now.time_us < intake->earliest_us || now.time_us > intake->latest_us) {
        intake->lines.bad++;
        usage_intake_complain(intake, 0, now.time_us ? "a call at a time that cannot be" : "a call without a time");
        return true;
    }
    if (!ledger_take(intake->ledger, &now))
        intake->error = usage_intake_write(intake, 1, NULL);
    return !intake->error;
}

void usage_intake_count(struct usage_intake *intake, const struct usage_lines *lines)
{
    intake->lines.lines += lines->lines;
    intake->lines.records += lines->records;
    intake->lines.other += lines->other;
    intake->lines.unknown += lines->unknown;
    intake->lines.bad += lines->bad;
}

/* ---- files that grow -------------------------------------------------------------------------------------------- */

static const char *place_hash(struct actor *actor, const struct usage_place *place)
{
    unsigned char hash[PARTS_HASH];
    parts_hash(hash, (const char *const[]){actor->who.user_id, place->machine, place->platform, place->file}, 4);
    char *text = arena_alloc(actor->arena, 2 * PARTS_HASH + 1);
    for (size_t i = 0; i < PARTS_HASH; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    return text;
}

enum error usage_place_find(struct actor *actor, struct usage_place *place)
{
    struct row row;
    place->position = 0;
    place->state = NULL;
    enum error error = db_one(actor->db, &find_place, &row, DB_ARGS(actor->who.workspace_id, place_hash(actor, place)));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error;
    place->position = row_int(&row, 0);
    place->state = arena_strdup(actor->arena, row_string(&row, 1));
    return ERR_NONE;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static enum error write_once(struct usage_intake *intake, const struct usage_place *place)
{
    struct actor *actor = intake->actor;
    char position[DECIMAL_TEXT];
    db_begin(actor->db);
    enum error error = ledger_write(intake->ledger);
    if (!error && place)
        error = db_run(actor->db, &keep_place,
                       DB_ARGS(actor->who.workspace_id, place_hash(actor, place), decimal(position, place->position),
                               place->state));
    if (!error)
        return db_commit(actor->db);
    db_rollback(actor->db);
    return error;
}

enum error usage_intake_write(struct usage_intake *intake, size_t least, const struct usage_place *place)
{
    struct actor *actor = intake->actor;
    if (ledger_waiting(intake->ledger) < least)
        return ERR_NONE;
    enum error error = ERR_BUSY;
    for (int tries = 0; error == ERR_BUSY && tries < BATCH_TRIES; tries++) {
        struct arena_mark mark = arena_mark(actor->arena);
        error = write_once(intake, place);
        db_forget_results(actor->db);
        arena_release(actor->arena, mark);
    }
    if (!error)
        ledger_done(intake->ledger);
    return error;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

void usage_intake_describe(const struct usage_intake *intake, struct json_writer *w)
{
    const struct ledger_counts *counts = ledger_counts(intake->ledger);
    json_int_member(w, "lines", intake->lines.lines);
    json_int_member(w, "records", counts->taken);
    json_int_member(w, "added", counts->added);
    json_int_member(w, "changed", counts->changed);
    json_int_member(w, "known", counts->taken - counts->added - counts->changed);
    json_int_member(w, "other", intake->lines.other);
    json_int_member(w, "unknown", intake->lines.unknown);
    json_int_member(w, "bad", intake->lines.bad);
    json_literal_key(w, "errors");
    json_open_array(w);
    for (size_t i = 0; i < intake->complaint_count; i++) {
        json_open_object(w);
        json_string_member(w, "file", text_or_null(intake->complaints[i].file));
        json_literal_key(w, "line");
        if (intake->complaints[i].line)
            json_put_int(w, intake->complaints[i].line);
        else
            json_put_null(w);
        json_string_member(w, "message", intake->complaints[i].why);
        json_close_object(w);
    }
    json_close_array(w);
}
