/* Lists: two statements and one shape for all of them. */
#include "page.h"

#include "util.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 500, OFFSET_MAX = 1000000000 };

const struct field page_query[] = {
    {.name = "limit", .type = FIELD_INT, .min = 1, .max = LIMIT_MAX},
    {.name = "offset", .type = FIELD_INT, .min = 0, .max = OFFSET_MAX},
    {0},
};

enum error respond_page(struct request *rq, struct response *rs, const struct listing *listing, const char *const *args,
                        size_t count)
{
    long long limit = LIMIT_DEFAULT, offset = 0; /* parse_int leaves them alone when there is no number */
    parse_int(request_query(rq, "limit"), 1, LIMIT_MAX, &limit);
    parse_int(request_query(rq, "offset"), 0, OFFSET_MAX, &offset);

    struct row total;
    enum error err = db_one(rq->db, &listing->count, &total, args, count);
    if (err)
        return err;

    const char **all = arena_array(rq->arena, count + 2, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = args[i];
    all[count] = arena_printf(rq->arena, "%lld", limit);
    all[count + 1] = arena_printf(rq->arena, "%lld", offset);
    struct rows rows;
    err = db_all(rq->db, &listing->page, &rows, all, count + 2);
    if (err)
        return err;

    struct json_writer *w = respond_begin(rs, 200);
    json_open_object(w);
    json_key(w, listing->name);
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        listing->write(rq, w, &row);
    }
    json_close_array(w);
    json_int_member(w, "total", row_int(&total, 0));
    json_int_member(w, "limit", limit);
    json_int_member(w, "offset", offset);
    json_close_object(w);
    respond_end(rs);
    return OK;
}
