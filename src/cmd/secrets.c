/* secrets {generate|rotate}: new secrets for the env file; sealing everything stored again under a new key. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "crypto.h"
#include "db.h"
#include "reseal.h"
#include "util.h"

enum { JWT_SECRET_BYTES = 48, ARENA_MAX = 256 * MIB };

static const char *action, *format;
static bool dry_run;

/* ---- generate --------------------------------------------------------------------------------------------------- */

enum { KEY_NAME = 15 };

/* "k20260131-5ac1": tells people which key is the newer one; two of one day must differ in a ring. */
static void key_name(char out[KEY_NAME])
{
    char now[TIME_TEXT];
    unsigned char dice[2];
    time_now_text(now);
    random_bytes(dice, sizeof dice);
    snprintf(out, KEY_NAME, "k%.4s%.2s%.2s-%02x%02x", now, now + 5, now + 8, dice[0], dice[1]);
}

static int generate(void)
{
    bool json = format && strcmp(format, "json") == 0;
    if (format && !json && strcmp(format, "env") != 0) {
        fprintf(stderr, "secrets generate: --format is env or json\n");
        return EX_USAGE;
    }
    char id[KEY_NAME];
    struct arena *arena = arena_new(MIB);
    key_name(id);
    const char *jwt_secret = random_token(arena, JWT_SECRET_BYTES), *key = random_token(arena, CRYPTO_KEY_BYTES);
    printf(json ? "{\"JWT_SECRET\":\"%s\",\"SECRETS_KEY\":\"%s:%s\"}\n" : "JWT_SECRET=%s\nSECRETS_KEY=%s:%s\n",
           jwt_secret, id, key);
    arena_free(arena);
    return EX_OK;
}

/* ---- rotate ----------------------------------------------------------------------------------------------------- */

static void tell_unreadable(const char *what, const char *id)
{
    fprintf(stderr, "%s of %s cannot be opened with the keys at hand\n", what, id);
}

/* One transaction. */
static enum error rotate_batch(struct reseal *r, size_t column, int *count)
{
    db_begin(r->db);
    enum error error = reseal_rows(r, column, count);
    if (!error)
        return db_commit(r->db);
    db_rollback(r->db);
    return error;
}

static enum error rotate_column(struct reseal *r, size_t column)
{
    const char *what = reseal_name(column);
    long long total;
    enum error error = reseal_count(r, column, &total);
    int count = 1;
    r->done = r->unreadable = 0;
    while (!error && count > 0) {
        error = rotate_batch(r, column, &count);
        db_forget_results(r->db);
        arena_reset(r->arena);
        if (!error && count > 0)
            printf("%s: %lld of %lld\n", what, r->done + r->unreadable, total);
    }
    if (!error)
        printf("%s: %lld %s, %lld cannot be opened\n", what, r->done,
               r->dry_run ? "would be sealed again" : "sealed again", r->unreadable);
    return error;
}

static int rotate_all(struct reseal *r)
{
    long long unreadable = 0;
    db_maintenance(r->db, true);
    for (size_t i = 0; i < reseal_columns(); i++) {
        if (rotate_column(r, i) != ERR_NONE) {
            fprintf(stderr, "secrets rotate: %s; what was done before stays done, run it again\n", db_message(r->db));
            return EX_UNAVAILABLE;
        }
        unreadable += r->unreadable;
    }
    return unreadable ? EX_DATAERR : EX_OK;
}

static int rotate(void)
{
    struct settings settings;
    int status = command_settings_load(&settings);
    if (status)
        return status;
    struct keyring *ring = command_keyring(&settings);
    struct db *db = ring ? command_database(&settings) : NULL;
    if (db) {
        struct reseal r = {.db = db,
                           .arena = arena_new(ARENA_MAX),
                           .ring = ring,
                           .dry_run = dry_run,
                           .unreadable_row = tell_unreadable};
        status = rotate_all(&r);
        arena_free(r.arena);
        db_free(db);
    } else {
        status = ring ? EX_UNAVAILABLE : EX_CONFIG;
    }
    keyring_free(ring);
    settings_free(&settings);
    return status;
}

static int secrets_run(void)
{
    if (!dry_run && text_equal(action, "generate"))
        return generate();
    return !format && text_equal(action, "rotate") ? rotate() : COMMAND_MISUSED;
}

const struct command command_secrets = {
    .name = "secrets",
    .usage = "secrets {generate [--format env|json] | rotate [--dry-run]} [--env-file FILE]",
    .summary = "make secrets for the env file, seal stored ones under a new key",
    .help =
        "  generate         prints a new JWT_SECRET and a new SECRETS_KEY; reads no settings\n"
        "  rotate           seals every stored secret again with the first key of SECRETS_KEY, and what older versions\n"
        "                   stored open\n"
        "  --format FORMAT  generate: env (lines for an env file) or json\n"
        "  --dry-run        rotate: opens everything, changes nothing\n"
        "\n"
        "To change the key: put a new one in front, SECRETS_KEY=new:...,old:..., reload the server, run\n"
        "`secrets rotate`, then take the old one out and reload again.\n"
        "\n"
        "Exit status: 0, 65 when some secret cannot be opened with any key, 69 without a database, 78 when a setting\n"
        "is wrong.\n",
    .options =
        (const struct command_option[]){
            {"format", .text = &format}, {"dry-run", .flag = &dry_run}, OPTION_ENV_FILE, {0}},
    .words = &action,
    .words_max = 1,
    .run = secrets_run,
};
