/* Subscriptions: which subscribers are told of what happens in a workspace. A sorted table of pairs, so that those of a workspace
 * stand together, and two thousand subscribers with a few workspaces each take some hundred KiB. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "crypto.h"

struct subscription {
    char workspace[UUID_TEXT];
    unsigned subscriber;
};

struct subscriptions {
    struct buffer rows; /* struct subscription, in order of workspace and subscriber */
};

/* For at most `most` pairs. */
void subscriptions_init(struct subscriptions *table, size_t most);
void subscriptions_free(struct subscriptions *table);

/* Twice the same pair is once. False when there is no room. */
bool subscriptions_add(struct subscriptions *table, const char *workspace_id, unsigned subscriber);
/* Everything of one subscriber. */
void subscriptions_remove(struct subscriptions *table, unsigned subscriber);
void subscriptions_clear(struct subscriptions *table);

/* How many a workspace has, and the first of them; valid until the next change. */
size_t subscriptions_of(const struct subscriptions *table, const char *workspace_id, const struct subscription **first);
