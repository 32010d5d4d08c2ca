/* Usage record: the names of its parts. */
#include "usage_record.h"

const char *const usage_source_names[USAGE_SOURCES] = {"log", "event", "record"};

const char *const usage_count_names[USAGE_COUNTS] = {
    [USAGE_INPUT] = "input",
    [USAGE_OUTPUT] = "output",
    [USAGE_CACHE_READ] = "cache_read",
    [USAGE_CACHE_WRITE] = "cache_write",
    [USAGE_CACHE_WRITE_1H] = "cache_write_1h",
    [USAGE_REASONING] = "reasoning",
};
