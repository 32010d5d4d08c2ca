/* Batch: rows on their way to PostgreSQL as one JSON array, so many or so large at a time. */
#pragma once

#include "json.h"

/* The buffer is not an arena's, which would keep every batch until the request ends. */
struct batch {
    struct buffer text;
    struct json_writer w; /* where rows are written; count them in `rows` */
    size_t rows;
};

/* Once, before the first. */
void batch_init(struct batch *b);
void batch_free(struct batch *b);
/* Begins the next one, empty. */
void batch_begin(struct batch *b);
/* It carries as many rows, or as many bytes, as one statement should. */
bool batch_full(const struct batch *b);
/* The array; NULL when it is larger than any batch may be. Valid until the next batch_begin or batch_free. */
const char *batch_text(struct batch *b);
