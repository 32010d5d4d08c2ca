/* Locks in memory that the master and all workers share. A worker may be killed while it holds one: the next to take it is
 * told, and empties what the lock guards. A holder only copies memory: it waits for nothing, and never jumps out. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct shared_lock {
    pthread_mutex_t mutex; /* robust, process-shared (pthread_mutexattr_setrobust(3)) */
};

enum shared_lock_result {
    SHARED_LOCK_BUSY,  /* not had within a moment (its holder is stopped): do without */
    SHARED_LOCK_HELD,  /* call shared_lock_release */
    SHARED_LOCK_DIRTY, /* held, too; the one before died in the middle: empty what it guards */
};

/* Memory that is zeroed and shared with every process forked later; it ends with the last of them. NULL when there is none.
 * Pages nobody touches cost nothing. */
void *shared_memory(size_t size);

bool shared_lock_init(struct shared_lock *lock);
enum shared_lock_result shared_lock_take(struct shared_lock *lock);
void shared_lock_release(struct shared_lock *lock);
