/* Where a list of prices comes from. */
#include "price_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http_message.h"

enum { TAKES_MS = 20000, PIECE = 64 * KIB, ARENA_MAX = MIB };

static bool complain(char *problem, size_t size, const char *what)
{
    snprintf(problem, size, "%s", what);
    return false;
}

/* ---- a file ----------------------------------------------------------------------------------------------------- */

static bool read_all(int fd, struct buffer *text)
{
    static char piece[PIECE];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) > 0 && !text->overflow)
        buffer_append(text, piece, (size_t)got);
    return got >= 0;
}

/* Not later than now: a clock that was wrong must not put off every list that comes after. */
static void take_time(struct price_file *file, const struct stat *about)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_text(file->when, about->st_mtim.tv_sec < now.tv_sec ? about->st_mtim : now);
}

static bool read_file(struct price_file *file, const char *path, char *problem, size_t size)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &about) == 0;
    if (good && !S_ISREG(about.st_mode)) {
        good = false;
        errno = EINVAL;
    }
    if (good)
        good = read_all(fd, &file->text);
    if (!good)
        complain(problem, size, strerror(errno));
    else
        take_time(file, &about);
    if (fd >= 0)
        close(fd);
    return good;
}

/* ---- an address ------------------------------------------------------------------------------------------------- */

struct visit {
    struct buffer *text;
    bool (*goes_on)(void *context);
    void *context;
};

static void take(struct http_ask *ask, void *context)
{
    struct visit *visit = context;
    if (ask->outcome == HTTP_ANSWERED && ask->status == 200)
        buffer_append(visit->text, ask->text, ask->length);
}

static bool goes_on_still(void *context)
{
    const struct visit *visit = context;
    return !visit->goes_on || visit->goes_on(visit->context);
}

static void begin(struct price_file *file, const char *shown)
{
    *file = (struct price_file){0};
    buffer_init(&file->text, PRICE_FILE_MAX);
    snprintf(file->source, sizeof file->source, "%.*s", (int)strcspn(shown, "?#"), shown);
}

static bool fits(const struct price_file *file, char *problem, size_t size)
{
    return !file->text.overflow || complain(problem, size, "it has more than 16 MiB");
}

bool price_file_fetch(struct price_file *file, const char *url, bool (*goes_on)(void *context), void *context,
                      char *problem, size_t size)
{
    struct http_ask ask = {.url = url};
    struct visit visit = {&file->text, goes_on, context};
    const struct http_way way = {.each_ms = TAKES_MS,
                                 .total_ms = TAKES_MS,
                                 .body_max = PRICE_FILE_MAX,
                                 .taken = take,
                                 .goes_on = goes_on_still,
                                 .context = &visit};
    struct arena *arena = arena_new(ARENA_MAX);
    begin(file, url);
    http_ask_all(arena, &ask, 1, &way);
    arena_free(arena);
    if (ask.outcome != HTTP_ANSWERED)
        return complain(problem, size, message_text(http_message(ask.outcome), LANGUAGE_EN));
    if (ask.status != 200) {
        snprintf(problem, size, "it answered with status %d", ask.status);
        return false;
    }
    time_now_text(file->when);
    return fits(file, problem, size);
}

bool price_file_load(struct price_file *file, const char *path, char *problem, size_t size)
{
    const char *slash = strrchr(path, '/');
    begin(file, slash ? slash + 1 : path);
    return read_file(file, path, problem, size) && fits(file, problem, size);
}

void price_file_free(struct price_file *file)
{
    buffer_free(&file->text);
}
