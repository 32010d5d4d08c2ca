/* Batch: rows on their way to PostgreSQL as one JSON array. */
#include "batch.h"

#include "util.h"

enum { ROWS_AT_ONCE = 500, BYTES_AT_ONCE = MIB, BATCH_MAX = 64 * MIB };

void batch_init(struct batch *b)
{
    buffer_init(&b->text, BATCH_MAX);
}

void batch_free(struct batch *b)
{
    buffer_free(&b->text);
}

void batch_begin(struct batch *b)
{
    buffer_reset(&b->text);
    json_begin(&b->w, &b->text);
    json_open_array(&b->w);
    b->rows = 0;
}

bool batch_full(const struct batch *b)
{
    return b->rows >= ROWS_AT_ONCE || b->text.length >= BYTES_AT_ONCE;
}

const char *batch_text(struct batch *b)
{
    json_close_array(&b->w);
    return b->text.overflow ? NULL : buffer_string(&b->text);
}
