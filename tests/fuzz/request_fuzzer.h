/* What the fuzzers of requests share: the start, a way out of an exhausted arena, and a check that stops the fuzzer. */
#pragma once

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include "crypto.h"
#include "log.h"
#include "router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static jmp_buf exhausted;

static void on_exhausted(void *context)
{
    (void)context;
    longjmp(exhausted, 1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    char problem[256];
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    if (!crypto_init() || !router_init(problem, sizeof problem))
        abort();
    return 0;
}

static void expect(bool truth)
{
    if (!truth)
        abort();
}
