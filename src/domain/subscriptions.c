/* Subscriptions: a sorted array in a buffer. */
#include "subscriptions.h"

#include <string.h>

static struct subscription *rows_of(const struct subscriptions *table)
{
    return (struct subscription *)(void *)table->rows.data; /* aligned as malloc does it */
}

static size_t count_of(const struct subscriptions *table)
{
    return table->rows.length / sizeof(struct subscription);
}

void subscriptions_init(struct subscriptions *table, size_t most)
{
    buffer_init(&table->rows, most * sizeof(struct subscription) + 1);
}

void subscriptions_free(struct subscriptions *table)
{
    buffer_free(&table->rows);
}

static int compare(const struct subscription *row, const char *workspace_id, unsigned subscriber)
{
    int order = strcmp(row->workspace, workspace_id);
    return order ? order : (row->subscriber > subscriber) - (row->subscriber < subscriber);
}

/* The first that is not before the pair. */
static size_t place_of(const struct subscriptions *table, const char *workspace_id, unsigned subscriber)
{
    const struct subscription *rows = rows_of(table);
    size_t low = 0, high = count_of(table);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&rows[middle], workspace_id, subscriber) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool subscriptions_add(struct subscriptions *table, const char *workspace_id, unsigned subscriber)
{
    struct subscription row = {.subscriber = subscriber};
    size_t at = place_of(table, workspace_id, subscriber), count = count_of(table);
    if (at < count && compare(&rows_of(table)[at], workspace_id, subscriber) == 0)
        return true;
    if (!buffer_extend(&table->rows, sizeof row)) {
        table->rows.overflow = false;
        return false;
    }
    struct subscription *rows = rows_of(table);
    memcpy(row.workspace, workspace_id, strnlen(workspace_id, UUID_TEXT - 1));
    memmove(&rows[at + 1], &rows[at], (count - at) * sizeof row);
    rows[at] = row;
    return true;
}

void subscriptions_remove(struct subscriptions *table, unsigned subscriber)
{
    struct subscription *rows = rows_of(table);
    size_t kept = 0;
    for (size_t i = 0; i < count_of(table); i++)
        if (rows[i].subscriber != subscriber)
            rows[kept++] = rows[i];
    buffer_cut(&table->rows, kept * sizeof *rows);
}

void subscriptions_clear(struct subscriptions *table)
{
    buffer_cut(&table->rows, 0);
}

size_t subscriptions_of(const struct subscriptions *table, const char *workspace_id, const struct subscription **first)
{
    const struct subscription *rows = rows_of(table);
    size_t at = place_of(table, workspace_id, 0), count = 0, all = rows ? count_of(table) : 0;
    *first = rows ? &rows[at] : NULL;
    while (at + count < all && strcmp(rows[at + count].workspace, workspace_id) == 0)
        count++;
    return count;
}
