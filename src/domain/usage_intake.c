/* Usage intake. */
#include "usage_intake.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "budgets.h"
#include "util.h"

enum { DAY_S = 24 * 60 * 60, FUTURE_S = 2 * DAY_S, BATCH_TRIES = 4, PLACES_MAX = 500, PLACES_TEXT = 4 * MIB };
#define EARLIEST_S 1577836800LL /* 2020-01-01: none of these tools is older */
#define SECOND_US  1000000LL

/* The last of a file's, if there are several; what stands there as it is is left alone. */
static const struct statement
    keep_places =
        {"usage_keep_places",
         "INSERT INTO usage_files (workspace_id, hash, position, state) SELECT $1::uuid, p.hash, p.position, p.state FROM"
         " (SELECT DISTINCT ON (n.hash) n.hash, n.position, n.state FROM ROWS FROM (json_to_recordset($2::json)"
         " AS (hash uuid, position bigint, state text)) WITH ORDINALITY AS n (hash, position, state, number)"
         " ORDER BY n.hash, n.number DESC) p WHERE NOT EXISTS (SELECT FROM usage_files f WHERE f.workspace_id = $1::uuid"
         " AND f.hash = p.hash AND f.position = p.position AND f.state = p.state OFFSET 0) ON CONFLICT (workspace_id, hash) DO UPDATE SET"
         " position = excluded.position, state = excluded.state, updated_at = now()"},
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
    buffer_init(&intake->places, PLACES_TEXT);
    buffer_init(&intake->places_writing, PLACES_TEXT);
    intake->earliest_us = earliest(actor->settings);
    intake->latest_us = ((int64_t)time(NULL) + FUTURE_S) * SECOND_US;
    return open_one = intake;
}

void usage_intake_free(struct usage_intake *intake)
{
    if (!intake)
        return;
    if (intake->writing) { /* given up in the middle */
        (void)ledger_end(intake->ledger);
        db_rollback(intake->actor->db);
    }
    ledger_free(intake->ledger);
    buffer_free(&intake->places);
    buffer_free(&intake->places_writing);
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
        intake->error = usage_intake_write(intake, 1);
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

static void place_hash(char out[2 * PARTS_HASH + 1], const struct actor *actor, const struct usage_place *place)
{
    unsigned char hash[PARTS_HASH];
    parts_hash(hash, (const char *const[]){actor->who.user_id, place->machine, place->platform, place->file}, 4);
    for (size_t i = 0; i < PARTS_HASH; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

void usage_intake_keep(struct usage_intake *intake, const struct usage_place *place)
{
    struct json_writer w;
    char hash[2 * PARTS_HASH + 1];
    place_hash(hash, intake->actor, place);
    buffer_char(&intake->places, intake->place_count++ ? ',' : '[');
    json_begin(&w, &intake->places);
    json_open_object(&w);
    json_string_member(&w, "hash", hash);
    json_int_member(&w, "position", place->position);
    json_string_member(&w, "state", place->state);
    json_close_object(&w);
}

enum error usage_intake_find(struct usage_intake *intake, struct usage_place *place)
{
    struct row row;
    struct actor *actor = intake->actor;
    char hash[2 * PARTS_HASH + 1];
    place->position = 0;
    place->state = NULL;
    enum error error = usage_intake_finish(intake);
    if (error)
        return error;
    place_hash(hash, actor, place);
    error = db_one(actor->db, &find_place, &row, DB_ARGS(actor->who.workspace_id, hash));
    if (!error) {
        place->position = row_int(&row, 0);
        place->state = arena_strdup(actor->arena, row_string(&row, 1));
    }
    db_forget_results(actor->db);
    return error == ERR_NOT_FOUND ? ERR_NONE : error;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* The transaction that is under way comes to its end. */
static enum error settle(struct usage_intake *intake)
{
    struct actor *actor = intake->actor;
    if (!intake->writing)
        return ERR_NONE;
    intake->writing = false;
    enum error error = ledger_end(intake->ledger);
    if (!error)
        error = budgets_check(actor);
    if (!error && intake->places_writing.length) {
        buffer_char(&intake->places_writing, ']');
        error =
            db_run(actor->db, &keep_places, DB_ARGS(actor->who.workspace_id, buffer_string(&intake->places_writing)));
    }
    if (!error)
        error = db_commit(actor->db);
    else
        db_rollback(actor->db);
    db_forget_results(actor->db);
    if (!error)
        ledger_done(intake->ledger);
    return error;
}

static enum error begin(struct usage_intake *intake)
{
    struct actor *actor = intake->actor;
    enum error error = ERR_BUSY;
    for (int tries = 0; error == ERR_BUSY && tries < BATCH_TRIES; tries++) {
        db_begin(actor->db);
        error = ledger_begin(intake->ledger);
        if (error)
            db_rollback(actor->db);
    }
    if (error)
        return error;
    struct buffer written = intake->places_writing;
    buffer_cut(&written, 0);
    intake->places_writing = intake->places;
    intake->places = written;
    intake->place_count = 0;
    intake->writing = true;
    return ERR_NONE;
}

enum error usage_intake_write(struct usage_intake *intake, size_t least)
{
    struct arena_mark mark = arena_mark(intake->actor->arena);
    if (ledger_waiting(intake->ledger) < least && intake->place_count < PLACES_MAX)
        return ERR_NONE;
    enum error error = settle(intake);
    if (!error && (ledger_waiting(intake->ledger) || intake->place_count))
        error = begin(intake);
    if (!error)
        arena_release(intake->actor->arena, mark);
    return error;
}

enum error usage_intake_finish(struct usage_intake *intake)
{
    enum error error = usage_intake_write(intake, 0);
    return error ? error : settle(intake);
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
