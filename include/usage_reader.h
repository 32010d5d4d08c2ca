/* Usage reader: the log of a coding CLI, fed in pieces of any size as it is read, becomes usage records. Constant memory, whatever comes:
 * a line is looked through as it passes and never kept. What a line says in words stays unread. Portable.
 *
 * What each CLI writes, and why it is counted so, is in docs/usage.md. */
#pragma once

#include "usage_record.h"

struct usage_reader;

/* Lines that are known to have no call in them are counted as `other`; those of no known kind or version as `unknown`; what is no JSON
 * object, or whose numbers make no sense, as `bad`. */
struct usage_lines {
    long long lines, records, other, unknown, bad;
};

/* Given each record; false = stop here, usage_reader_feed then returns false too. */
typedef bool usage_taker(void *context, const struct usage_record *record);
/* Told of each bad line: its number in this file (from 1), and why, in English. May be NULL. */
typedef void usage_complainer(void *context, long long line, const char *why);

enum {
    USAGE_LINE_MAX = 256 * 1024 * 1024, /* bytes: a longer line is refused, and with it the rest of the file */
    USAGE_STATE_MAX = 4096,             /* characters of usage_reader_state */
};

/* For a file of `platform` (platform.h). `file` is its path on the machine, as far as it is known, and names what has no name of its own:
 * a line without any id, a session. `state` is what usage_reader_state gave where reading stopped, or NULL at the file's beginning.
 * NULL when no log of that platform is read, or the state is none. The reader is the caller's (usage_reader_free). */
struct usage_reader *usage_reader_new(const char *platform, const char *file, const char *state, usage_taker *take,
                                      usage_complainer *complain, void *context);
void usage_reader_free(struct usage_reader *reader);

/* The next bytes of the file. False when the taker said so, or a line is too long (usage_reader_problem). */
bool usage_reader_feed(struct usage_reader *reader, const char *bytes, size_t length);
/* The file has no more now. A last line without its end, which is still being written, is left for next time, unless `whole` says that the
 * file will not grow: then it counts if it is complete. */
bool usage_reader_end(struct usage_reader *reader, bool whole);

/* Bytes of the file that are done with, counted from its beginning: where to go on. Always the beginning of a line. */
long long usage_reader_position(const struct usage_reader *reader);
/* What has to be known to go on there, as text (JSON, shorter than USAGE_STATE_MAX): the session, the model, the sums until now. Good until
 * the next feed. */
const char *usage_reader_state(struct usage_reader *reader);
const struct usage_lines *usage_reader_lines(const struct usage_reader *reader);
const char *usage_reader_problem(const struct usage_reader *reader); /* "" = none */
