/* Lists: two statements and one shape for all of them. */
#include "page.h"

#include "util.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 500, OFFSET_MAX = 1000000000 };

const struct field page_query[] = {
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {.name = "offset", .type = FIELD_INT, .min = 0, .max = OFFSET_MAX},
    {0},
};

static enum error count_all(struct request *rq, const struct listing *listing, const char *const *args, size_t count,
                            long long *total)
{
    struct row row;
    enum error error = db_one(rq->actor.db, &listing->count, &row, args, count);
    if (!error)
        *total = row_int(&row, 0);
    return error;
}

static void write_object(struct request *rq, struct json_writer *w, const struct row *row)
{
    (void)rq;
    json_open_object(w);
    row_write(row, w);
    json_close_object(w);
}

enum error respond_page(struct request *rq, struct response *rs, const struct listing *listing, const char *const *args,
                        size_t count)
{
    long long limit = LIMIT_DEFAULT, offset = 0; /* parse_int leaves them alone when there is no number */
    parse_int(request_query(rq, "limit"), 1, LIMIT_MAX, &limit);
    parse_int(request_query(rq, "offset"), 0, OFFSET_MAX, &offset);

    const char **all = arena_array(rq->actor.arena, count + 2, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = args[i];
    all[count] = number_text(&rq->actor, limit);
    all[count + 1] = number_text(&rq->actor, offset);
    struct rows rows;
    enum error error = db_all(rq->actor.db, &listing->page, &rows, all, count + 2);
    long long seen = rows.count ? offset + rows.count : 0, total = seen;
    /* Only a page that was filled, or that begins after the end, does not tell the total by itself. */
    if (!error && (rows.count == limit || (!rows.count && offset > 0)))
        error = count_all(rq, listing, args, count, &total);
    if (total < seen) /* that many were not counted */
        total = seen;
    if (error)
        return error;

    struct json_writer *w = respond_object(rs, 200);
    json_key(w, listing->name);
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        struct arena_mark mark = arena_mark(rq->actor.arena);
        (listing->write ? listing->write : write_object)(rq, w, &row);
        arena_release(rq->actor.arena, mark); /* what a row takes may be megabytes */
        rq->actor.failure.message = MSG_NONE; /* what could not be opened is shown as that */
        rq->actor.failure.text = NULL;
    }
    json_close_array(w);
    json_int_member(w, "total", total);
    json_int_member(w, "limit", limit);
    json_int_member(w, "offset", offset);
    if (listing->also)
        json_put_members(w, listing->also);
    respond_end(rs);
    return rs->body.overflow ? fail_field(&rq->actor, "limit", MSG_FEWER, NULL) : ERR_NONE;
}

enum error list_all(struct request *rq, struct response *rs)
{
    return respond_page(rq, rs, rq->route->data, DB_NO_ARGS);
}
