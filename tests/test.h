/* cmocka for tests that include request.h: its macro fail() would hide ours, which says what is wrong with a request. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* How often a loop runs that does the same again and again: `full` times, but for CCR_TEST_SHARE, which `make valgrind` sets: there
 * it is whether the code is sound that counts, not how many meet in it. */
static inline size_t repeated(size_t full)
{
    const char *share = getenv("CCR_TEST_SHARE");
    size_t part = share ? full / strtoul(share, NULL, 10) : full;
    return part ? part : 1;
}

#undef fail
#undef fail_msg
#define fail_msg(...)                                                                                                  \
    do {                                                                                                               \
        print_error("ERROR: ");                                                                                        \
        print_error(__VA_ARGS__);                                                                                      \
        print_error("\n");                                                                                             \
        _fail(__FILE__, __LINE__);                                                                                     \
    } while (0)
