/* Resources found by words. A word may be everybody's, and so may a folder: how many each has is counted first, as far as FEW, and the
 * search begins where there are fewest. Only what is wanted by many things that are all frequent is intersected as a whole. */
#include <string.h>

#include "json.h"
#include "resource.h"
#include "resource_sql.h"
#include "util.h"

/* FEW are looked at one by one, which takes 10 ms, as it takes to count MANY. */
enum { FEW = 1500, MANY = 20000, WORDS_ASKED = 16 };

#define OF_WORD(word)                                                                                                  \
    " FROM resource_words w WHERE w.workspace_id = (SELECT ccr_workspace()) AND w.kind = $1 AND w.platform = $2"       \
    " AND w.word >= lower(" word ") AND w.word < lower(" word ") || chr(1114111)"
/* What a filter leaves is found by the index of times, which tells everything of it, or, in a folder, by that of names. */
#define BY_TIMES RESOURCE_CHANGED
#define BY_FOLDER(since, enabled, folder, most)                                                                        \
    "SELECT r.id FROM resources r WHERE" RESOURCE_OF_KIND RESOURCE_FILTERED(enabled, since)                            \
        RESOURCE_IN_FOLDER(folder) " LIMIT " most "::integer"
/* Of a candidate; $13 says whether there is a filter that it may not fit. */
#define FITS                                                                                                           \
    " NOT EXISTS (SELECT 1 FROM json_array_elements_text($10::json) AS other (word)"                                   \
    " WHERE NOT EXISTS (SELECT 1 FROM resource_words o WHERE o.id = c.id AND o.platform = $2"                          \
    " AND o.word >= lower(other.word) AND o.word < lower(other.word) || chr(1114111)))"                                \
    " AND (NOT $13::boolean OR EXISTS (SELECT 1 FROM resources r WHERE" RESOURCE_OF_KIND RESOURCE_FILTERED(            \
        "$6", "$7") " AND ($12::text IS NULL OR (true" RESOURCE_IN_FOLDER("$12") ")) AND r.id = c.id))"
#define PAGE(candidates)                                                                                               \
    "WITH found AS MATERIALIZED (SELECT c.id FROM (" candidates ") c WHERE" FITS " LIMIT $11::integer)"                \
    " SELECT " RESOURCE_SHORT ", (SELECT count(*) FROM found) FROM resources r WHERE" RESOURCE_OF_KIND                 \
    " AND r.id IN (SELECT id FROM found)" RESOURCE_BEHIND RESOURCE_ORDER " LIMIT $3::integer + 1 OFFSET $8::integer"

static const struct statement
    count_words =
        {"search_count_words",
         "SELECT a.place - 1, (SELECT count(*) FROM (SELECT 1" OF_WORD(
             "a.word") " LIMIT $4::integer) c) AS many"
                       " FROM json_array_elements_text($3::json) WITH ORDINALITY AS a (word, place) ORDER BY many, a.place"},
    /* The first $14 of a word, one by one. */
    by_word = {"search_by_word", PAGE("SELECT DISTINCT f.id FROM (SELECT w.id" OF_WORD("$9") " LIMIT $14::integer) f")},
    /* All of them: what two have. The rarer is the one that is hashed, which costs half of what INTERSECT does. */
    by_two_words = {"search_by_two_words",
                    PAGE("SELECT DISTINCT w.id" OF_WORD("$14") " AND w.id IN (SELECT w.id" OF_WORD("$9") ")")};

/* OFFSET 0 keeps the two apart, which are many each: looked up in the other one by one they would take ten times as long. */
#define FILTER_STATEMENTS(name, source)                                                                                \
    {                                                                                                                  \
        {"search_count_" name, "SELECT count(*) FROM (" source("$3", "$4", "$5", "$6") ") c"},                         \
            {"search_by_" name, PAGE("SELECT f.id FROM (" source("$7", "$6", "$12", "$14") ") f WHERE $9 <> ''")},     \
        {                                                                                                              \
            "search_by_word_and_" name,                                                                                \
                PAGE("SELECT f.id FROM (" source("$7", "$6", "$12", "$14") ") f WHERE f.id IN"                         \
                                                                           " (SELECT w.id" OF_WORD("$9") " OFFSET 0)") \
        }                                                                                                              \
    }

static const struct filter {
    struct statement count, one_by_one, with_word;
} times = FILTER_STATEMENTS("times", BY_TIMES), folder = FILTER_STATEMENTS("folder", BY_FOLDER);

struct search {
    struct actor *actor;
    const struct resource_query *query;
    const char *position, *name, *since;
    const char *words[WORDS_ASKED]; /* the rarest first */
    long long rarest;               /* how many the first has, as far as it was counted */
    const char *all;                /* as a JSON array */
    struct resource_page *page;
};

static bool is_filtered(const struct resource_query *q)
{
    return q->folder || q->enabled || q->updated_since;
}

/* Finds those of the first words, which all have to have all of them. */
static enum error look(const struct search *s, const struct statement *statement, const char *first, const char *last)
{
    const struct resource_query *q = s->query;
    struct actor *actor = s->actor;
    return db_all(actor->db, statement, &s->page->rows,
                  DB_ARGS(s->page->kind->name, s->page->platform, number_text(actor, q->limit), s->position, s->name,
                          q->enabled, s->since, number_text(actor, q->offset), first, s->all,
                          number_text(actor, FOUND_MAX + 1), q->folder, is_filtered(q) ? "true" : "false", last));
}

/* Whether so many are found that nobody counts the others. */
static bool is_enough(const struct resource_page *page)
{
    const struct row first = rows_at(&page->rows, 0);
    return page->rows.count > 0 && row_int(&first, R_TOTAL) > FOUND_MAX;
}

/* Counts each as far as `most`. */
static enum error rank_words(struct search *s, const json_t *words, int most)
{
    struct rows rows;
    struct actor *actor = s->actor;
    enum error error = db_all(actor->db, &count_words, &rows,
                              DB_ARGS(s->page->kind->name, s->page->platform, s->all, number_text(actor, most)));
    for (int i = 0; !error && i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        s->words[i] = json_string_value(json_array_get(words, (size_t)row_int(&row, 0)));
        if (i == 0)
            s->rarest = row_int(&row, 1);
    }
    return error;
}

/* The words of the search, the rarest first; none when nothing in it could be one. */
static enum error take_words(struct search *s)
{
    struct actor *actor = s->actor;
    struct resource text = {.kind = &(struct kind){.columns = (const struct column[]){{{0}, 0, {NULL, NULL}, 0}}},
                            .name = s->query->search,
                            .listed = "{}"};
    s->all = resource_words(actor, &text);
    json_t *words = json_stored(s->all);
    while (json_array_size(words) > WORDS_ASKED)
        json_array_remove(words, WORDS_ASKED);
    s->all = json_text(actor->arena, words);
    enum error error = rank_words(s, words, FEW);
    return error || s->rarest < FEW || json_array_size(words) < 2 ? error : rank_words(s, words, MANY);
}

/* Looks at what a filter leaves one by one, where that is few. */
static enum error look_narrow(const struct search *s, const struct filter *by, bool *narrow)
{
    struct row row;
    const struct resource_query *q = s->query;
    const char *few = number_text(s->actor, FEW);
    enum error error = db_one(s->actor->db, &by->count, &row,
                              DB_ARGS(s->page->kind->name, s->page->platform, s->since, q->enabled, q->folder, few));
    *narrow = !error && row_int(&row, 0) < FEW;
    return *narrow ? look(s, &by->one_by_one, s->words[0], few) : error;
}

/* Of words and of a filter that many have each: the first of either may be enough. */
static enum error look_wide(const struct search *s)
{
    const struct filter *by = s->query->folder ? &folder : &times;
    const char *few = number_text(s->actor, FEW), *all = number_text(s->actor, RESOURCES_MAX);
    enum error error = look(s, &by_word, s->words[0], few);
    if (error || is_enough(s->page))
        return error;
    if (!is_filtered(s->query) || (s->rarest < MANY && s->words[1]))
        return look(s, &by_two_words, s->words[0], s->words[1] ? s->words[1] : s->words[0]);
    error = look(s, &by->one_by_one, s->words[0], few);
    return error || is_enough(s->page) ? error : look(s, &by->with_word, s->words[0], all);
}

enum error resource_search(struct actor *actor, const struct resource_query *q, const char *position, const char *name,
                           struct resource_page *page)
{
    bool narrow = false;
    struct search s = {.actor = actor,
                       .query = q,
                       .position = position,
                       .name = name,
                       .since = q->updated_since ? q->updated_since : "-infinity",
                       .page = page};
    enum error error = take_words(&s);
    if (error || !s.words[0])
        return error;
    if (s.rarest < FEW)
        return look(&s, &by_word, s.words[0], number_text(actor, FEW));
    if (q->updated_since || (q->enabled && !q->folder))
        error = look_narrow(&s, &times, &narrow);
    if (!error && !narrow && q->folder)
        error = look_narrow(&s, &folder, &narrow);
    return error || narrow ? error : look_wide(&s);
}
