/* Ledger names: a table by hash, and the rows that are to be made of it. */
#include "ledger_names.h"

#include <string.h>

#include "json.h"
#include "ledger.h"
#include "util.h"

enum {
    NAMES = 4096, /* that are remembered; a power of two */
    NAMES_MAX = NAMES / 2,
    TEXT_MAX = 8 * MIB,
    LAST_MAX = 4096,
};

struct name {
    struct ledger_id hash;
    bool used;
    long long id; /* 0 = not known yet */
};

struct ledger_names {
    struct name names[NAMES];
    size_t count;
    size_t asked[LEDGER_BATCH]; /* the places of those that are not known, in order */
    size_t asked_count;
    struct buffer text;   /* of those: a JSON array */
    struct buffer hashes; /* of those: an array of PostgreSQL's, as text */
    struct json_writer writer;
    size_t last, last_parts; /* the place that was asked for last, and how many texts told it: calls come in rows */
    char last_texts[LAST_MAX];
};

static void names_begin(struct ledger_names *names)
{
    buffer_reset(&names->text);
    json_begin(&names->writer, &names->text);
    json_open_array(&names->writer);
    names->asked_count = 0;
}

size_t ledger_id_place(const struct ledger_id *id, size_t size)
{
    size_t place;
    memcpy(&place, id->bytes, sizeof place);
    return place & (size - 1);
}

/* Where it stands, or is to stand. */
static size_t names_find(const struct ledger_names *names, const struct ledger_id *hash)
{
    size_t i = ledger_id_place(hash, NAMES);
    while (names->names[i].used && memcmp(&names->names[i].hash, hash, sizeof *hash) != 0)
        i = (i + 1) & (NAMES - 1);
    return i;
}

void ledger_id_text(char out[UUID_TEXT], const struct ledger_id *id)
{
    static const char digits[] = "0123456789abcdef";
    char *to = out;
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[id->bytes[i] >> 4];
        *to++ = digits[id->bytes[i] & 15];
    }
    *to = '\0';
}

static bool id_read(struct ledger_id *out, const char *text)
{
    for (size_t i = 0; i < sizeof out->bytes; i++, text += 2) {
        text += *text == '-';
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        out->bytes[i] = (unsigned char)(high << 4 | low);
    }
    return !*text;
}

static void put_member(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_put_string(w, text ? text : "");
}

/* A new one, of the texts that its hash was made of. */
static void names_ask(struct ledger_names *names, size_t place, const struct ledger_id *hash, const char *const *titles,
                      const char *const *texts, size_t count)
{
    char text[UUID_TEXT];
    names->names[place] = (struct name){.hash = *hash, .used = true};
    names->count++;
    names->asked[names->asked_count++] = place;
    ledger_id_text(text, hash);
    json_open_object(&names->writer);
    put_member(&names->writer, "hash", text);
    for (size_t i = 0; i < count; i++)
        put_member(&names->writer, titles[i], texts[i]);
    json_close_object(&names->writer);
}

static bool is_last(const struct ledger_names *names, const char *const *texts, size_t hashed)
{
    const char *at = names->last_texts;
    for (size_t i = 0; i < hashed; i++, at += strlen(at) + 1)
        if (names->last_parts != hashed || strcmp(at, texts[i] ? texts[i] : "") != 0)
            return false;
    return true;
}

static void keep_last(struct ledger_names *names, size_t place, const char *const *texts, size_t hashed)
{
    char *to = names->last_texts, *end = to + LAST_MAX;
    names->last_parts = 0;
    for (size_t i = 0; i < hashed; i++) {
        size_t length = texts[i] ? strlen(texts[i]) + 1 : 1;
        if (length > (size_t)(end - to))
            return;
        memcpy(to, texts[i] ? texts[i] : "", length);
        to += length;
    }
    names->last = place;
    names->last_parts = hashed;
}

size_t ledger_names_place(struct ledger_names *names, const char *const *titles, const char *const *texts, size_t count,
                          size_t hashed)
{
    struct ledger_id hash;
    if (is_last(names, texts, hashed))
        return names->last;
    parts_hash(hash.bytes, texts, hashed);
    size_t place = names_find(names, &hash);
    if (!names->names[place].used)
        names_ask(names, place, &hash, titles, texts, count);
    keep_last(names, place, texts, hashed);
    return place;
}

/* What an earlier try was told may have been rolled back. */
static void begin_asking(struct ledger_names *names)
{
    char text[UUID_TEXT];
    buffer_cut(&names->hashes, 0);
    for (size_t i = 0; i < names->asked_count; i++) {
        struct name *name = &names->names[names->asked[i]];
        name->id = 0;
        ledger_id_text(text, &name->hash);
        buffer_char(&names->hashes, i ? ',' : '{');
        buffer_text(&names->hashes, text);
    }
    buffer_char(&names->hashes, '}');
}

/* *whole: all have a number, and lack nothing. */
static enum error find(struct actor *actor, struct ledger_names *names, const struct statement *ids, bool *whole)
{
    struct rows rows;
    struct ledger_id hash;
    enum { ID, HASH, WHOLE };
    enum error error = db_all(actor->db, ids, &rows, DB_ARGS(actor->who.workspace_id, buffer_string(&names->hashes)));
    if (error)
        return error;
    *whole = (size_t)rows.count == names->asked_count;
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        if (!id_read(&hash, row_string(&row, HASH)))
            return ERR_INTERNAL;
        names->names[names_find(names, &hash)].id = row_int(&row, ID);
        *whole &= row_bool(&row, WHOLE);
    }
    return ERR_NONE;
}

static enum error write_asked(struct actor *actor, struct ledger_names *names, const struct statement *add)
{
    struct json_writer end = names->writer;
    size_t length = names->text.length;
    json_close_array(&end);
    enum error error = db_run(actor->db, add, DB_ARGS(actor->who.workspace_id, buffer_string(&names->text)));
    buffer_cut(&names->text, length); /* for another try, or more names */
    return error;
}

static bool all_numbered(const struct ledger_names *names)
{
    for (size_t i = 0; i < names->asked_count; i++)
        if (!names->names[names->asked[i]].id)
            return false;
    return true;
}

enum error ledger_names_ask(struct actor *actor, struct ledger_names *names, const struct statement *add,
                            const struct statement *ids)
{
    bool whole = false;
    if (!names->asked_count)
        return ERR_NONE;
    begin_asking(names);
    enum error error = find(actor, names, ids, &whole);
    if (error || whole)
        return error;
    error = write_asked(actor, names, add);
    if (!error && !all_numbered(names))
        error = find(actor, names, ids, &whole);
    return error ? error : all_numbered(names) ? ERR_NONE : ERR_INTERNAL;
}

void ledger_names_settle(struct ledger_names *names)
{
    names->asked_count = 0;
    if (names->count >= NAMES_MAX) {
        memset(names->names, 0, sizeof names->names);
        names->count = names->last_parts = 0;
    }
    names_begin(names);
}

struct ledger_names *ledger_names_new(struct arena *arena)
{
    struct ledger_names *names = arena_alloc(arena, sizeof *names);
    buffer_init(&names->text, TEXT_MAX);
    buffer_init(&names->hashes, TEXT_MAX);
    names_begin(names);
    return names;
}

void ledger_names_free(struct ledger_names *names)
{
    buffer_free(&names->text);
    buffer_free(&names->hashes);
}

bool ledger_names_full(const struct ledger_names *names)
{
    return names->count >= NAMES_MAX;
}

long long ledger_names_id(const struct ledger_names *names, size_t place)
{
    return names->names[place].id;
}
