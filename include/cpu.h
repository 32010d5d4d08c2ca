/* CPU: how much of the machine's processor time is in use (proc(5), /proc/stat). */
#pragma once

#include <stdbool.h>

/* Time since boot, in clock ticks of all processors together. */
struct cpu_sample {
    unsigned long long busy, total;
};

/* The first line of /proc/stat; false when it is not one, or cannot be read. */
bool cpu_sample_parse(const char *line, struct cpu_sample *sample);
bool cpu_sample_read(struct cpu_sample *sample);

/* Share of the processor time in use between two samples, in thousandths; -1 when it cannot be told. */
int cpu_permille(const struct cpu_sample *before, const struct cpu_sample *after);
