/* Page: the answer of every list, always in the same shape, with limit and offset. */
#pragma once

#include "json.h"
#include "router.h"

/* One kind of list: {"<name>":[…],"total":…,"limit":…,"offset":…}, and what `also` has. */
struct listing {
    const char *name;
    const char *also;       /* more members of the answer, as the text of an object; NULL = none */
    struct statement count; /* one row with the number of all, or with as many as are worth counting */
    struct statement page;  /* takes what `count` takes, then limit and offset */
    /* One row, one JSON value; NULL = an object, as row_write makes it. */
    void (*write)(struct request *rq, struct json_writer *w, const struct row *row);
};

/* The query parameters of such a route: limit (1-500, else 100) and offset. */
extern const struct field page_query[];

enum error respond_page(struct request *rq, struct response *rs, const struct listing *listing, const char *const *args,
                        size_t count);
/* Handler of routes whose `data` is a listing without arguments. */
handler list_all;
