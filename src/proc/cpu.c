/* CPU: samples of /proc/stat. */
#include "cpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* proc(5): user nice system idle iowait irq softirq steal. Guest time is part of user time already. */
bool cpu_sample_parse(const char *line, struct cpu_sample *sample)
{
    unsigned long long v[8] = {0};
    /* Numbers from the kernel fit: NOLINTNEXTLINE(cert-err34-c) */
    int n = sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
                   &v[7]);
    if (n < 4)
        return false;
    sample->busy = v[0] + v[1] + v[2] + v[5] + v[6] + v[7];
    sample->total = sample->busy + v[3] + v[4];
    return true;
}

int cpu_permille(const struct cpu_sample *before, const struct cpu_sample *after)
{
    if (!before->total || after->total <= before->total || after->busy < before->busy)
        return -1;
    return (int)((after->busy - before->busy) * 1000 / (after->total - before->total));
}

bool cpu_sample_read(struct cpu_sample *sample)
{
    char line[256];
    int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return false;
    line[length] = '\0';
    return cpu_sample_parse(line, sample);
}
