/* Memory: free() and realloc() that wipe, and no core dumps.
 *
 * Tokens pass through buffers that are not ours: libfcgi's streams, strings of the TOML parser, libpq's and libjwt's. Each gives them
 * back with free(), which glibc lets a program replace for all of its libraries ("Replacing malloc" in its manual); what is
 * replaced here is only what happens on the way back. Built with a sanitizer, or run under valgrind, those see to free()
 * themselves. */
#include "memory.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "util.h"

void memory_protect(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) &&            \
    !__has_feature(memory_sanitizer) && !__has_feature(thread_sanitizer)

typedef void free_function(void *block);

/* glibc's own. NULL while it is being looked up, which may free something itself: that is then leaked, once. */
static free_function *real_free(void)
{
    static free_function *function;
    static bool looking;
    if (!function && !looking) {
        looking = true;
        void *symbol = dlsym(RTLD_NEXT, "free");
        memcpy(&function, &symbol, sizeof function); /* ISO C knows no conversion between the two */
    }
    return function;
}

void free(void *block)
{
    free_function *give_back = block ? real_free() : NULL;
    if (!give_back)
        return;
    explicit_bzero(block, malloc_usable_size(block));
    give_back(block);
}

/* glibc's would move a block and leave the old one as it is. */
void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    size_t room = malloc_usable_size(block);
    if (size && size <= room && size > room / 2)
        return block;
    void *moved = size ? malloc(size) : NULL;
    if (moved)
        memcpy(moved, block, size < room ? size : room);
    if (moved || !size)
        free(block);
    return moved;
}

#endif
