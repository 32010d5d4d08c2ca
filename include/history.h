/* History of a workspace's profiles, newest first. */
#pragma once

#include "actor.h"

enum {
    HISTORY_ID,
    HISTORY_TIME,
    HISTORY_OPERATION, /* switch, create, update, delete, import, ... */
    HISTORY_ACTOR,
    HISTORY_FROM,
    HISTORY_TO,
};

/* operation NULL = all; limit and offset are numbers as text. */
enum error history_page(struct actor *actor, const char *limit, const char *offset, const char *operation,
                        struct rows *rows);
