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
/* A range of the index of names ('0' comes behind '/'); without a folder, of all. Not with coalesce, of which PostgreSQL does not know
 * that it tells nobody what is in a row: behind a policy it would not look such a condition up in an index. */
#define END_OF(folder, some, all) "CASE WHEN " folder "::text IS NULL THEN " all " ELSE " folder " || " some " END"
#define OF_FILTER(enabled, since, folder)                                                                              \
    " FROM resources r WHERE" RESOURCE_OF_KIND RESOURCE_FILTERED(enabled, since) " AND r.name >= " END_OF(             \
        folder, "'/'", "''") " AND r.name < " END_OF(folder, "'0'", "chr(1114111)")
#define FILTER OF_FILTER("$6", "$7", "$12")
/* Of a candidate; $13 says whether there is a filter that it may not fit. */
#define FITS                                                                                                           \
    " NOT EXISTS (SELECT 1 FROM json_array_elements_text($10::json) AS other (word)"                                   \
    " WHERE NOT EXISTS (SELECT 1 FROM resource_words o WHERE o.id = c.id AND o.platform = $2"                          \
    " AND o.word >= lower(other.word) AND o.word < lower(other.word) || chr(1114111)))"                                \
    " AND (NOT $13::boolean OR EXISTS (SELECT 1" FILTER " AND r.id = c.id))"
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
    count_filter = {"search_count_filter",
                    "SELECT count(*) FROM (SELECT 1" OF_FILTER("$4", "$5", "$6") " LIMIT $3::integer) c"},
    /* The first $14 of a word, one by one, or of the filter. */
    by_word = {"search_by_word", PAGE("SELECT DISTINCT f.id FROM (SELECT w.id" OF_WORD("$9") " LIMIT $14::integer) f")},
    by_filter = {"search_by_filter", PAGE("SELECT r.id" FILTER " AND $9 <> '' LIMIT $14::integer")},
    /* All of them: what two have. The rarer is the one that is hashed, which costs half of what INTERSECT does. */
    by_two_words = {"search_by_two_words",
                    PAGE("SELECT DISTINCT w.id" OF_WORD("$14") " AND w.id IN (SELECT w.id" OF_WORD("$9") ")")},
    by_word_and_filter = {"search_by_word_and_filter",
                          PAGE("SELECT r.id" FILTER " AND $14 <> '' AND r.id IN (SELECT w.id" OF_WORD("$9") ")")};

struct search {
    struct actor *actor;
    const struct resource_query *query;
    const char *position, *name;
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
    const char *unsure = statement == &by_word && is_filtered(q) ? "true" : "false";
    return db_all(actor->db, statement, &s->page->rows,
                  DB_ARGS(s->page->kind->name, s->page->platform, number_text(actor, q->limit), s->position, s->name,
                          q->enabled, q->updated_since, number_text(actor, q->offset), first, s->all,
                          number_text(actor, FOUND_MAX + 1), q->folder, unsure, last));
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

static enum error is_narrow(const struct search *s, bool *narrow)
{
    struct row row;
    const struct resource_query *q = s->query;
    *narrow = false;
    if (!is_filtered(q))
        return ERR_NONE;
    enum error error = db_one(s->actor->db, &count_filter, &row,
                              DB_ARGS(s->page->kind->name, s->page->platform, number_text(s->actor, FEW), q->enabled,
                                      q->updated_since, q->folder));
    *narrow = !error && row_int(&row, 0) < FEW;
    return error;
}

enum error resource_search(struct actor *actor, const struct resource_query *q, const char *position, const char *name,
                           struct resource_page *page)
{
    bool narrow;
    struct search s = {.actor = actor, .query = q, .position = position, .name = name, .page = page};
    const char *few = number_text(actor, FEW);
    enum error error = take_words(&s);
    if (error || !s.words[0])
        return error;
    if (s.rarest < FEW)
        return look(&s, &by_word, s.words[0], few);
    error = is_narrow(&s, &narrow);
    if (error || narrow)
        return error ? error : look(&s, &by_filter, s.words[0], few);
    error = look(&s, &by_word, s.words[0], few);
    if (error || is_enough(page))
        return error;
    if (is_filtered(q))
        return look(&s, &by_word_and_filter, s.words[0], "-");
    return look(&s, &by_two_words, s.words[0], s.words[1] ? s.words[1] : s.words[0]);
}
