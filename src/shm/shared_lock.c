/* Shared memory and its locks. */
#include "shared_lock.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "util.h"

enum { WAIT_NS = 50 * 1000 * 1000 };

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

bool shared_lock_init(struct shared_lock *lock)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0)
        return false;
    bool good = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                pthread_mutex_init(&lock->mutex, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return good;
}

static int mutex_take(pthread_mutex_t *mutex)
{
    int failure = pthread_mutex_trylock(mutex);
    if (failure != EBUSY)
        return failure;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}

enum shared_lock_result shared_lock_take(struct shared_lock *lock)
{
    switch (mutex_take(&lock->mutex)) {
    case 0:
        return SHARED_LOCK_HELD;
    case EOWNERDEAD:
        pthread_mutex_consistent(&lock->mutex);
        return SHARED_LOCK_DIRTY;
    default:
        return SHARED_LOCK_BUSY;
    }
}

void shared_lock_release(struct shared_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
