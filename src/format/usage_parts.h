/* What the readers of the platforms share: the reader as they see it, and how a line becomes a record. */
#pragma once

#include "arena.h"
#include "buffer.h"
#include "json_number.h"
#include "json_pick.h"
#include "usage_reader.h"

enum {
    USAGE_ID_MAX = 300,   /* bytes of an id, so that a key has room for more */
    USAGE_NAME_MAX = 40,  /* of a type, a tier, a time */
    USAGE_KEPT_MAX = 128, /* of what is remembered from line to line, so that the state has room */
};

/* What a line is. */
enum usage_verdict { USAGE_GAVE, USAGE_OTHER, USAGE_UNKNOWN, USAGE_BAD };

/* What stands for a call of Codex in its totals: those of its log include what came from and went into a cache. */
enum usage_total { TOTAL_INPUT, TOTAL_CACHED, TOTAL_WRITTEN, TOTAL_OUTPUT, TOTAL_REASONING, TOTALS };

/* What has to be known of the lines before: usage_reader_state. */
struct usage_kept {
    char session[USAGE_KEPT_MAX + 1];
    char thread[USAGE_KEPT_MAX + 1]; /* of Codex: a sub-agent has one of its own within a session */
    char model[USAGE_KEPT_MAX + 1];
    char tier[USAGE_NAME_MAX + 1];
    char provider[USAGE_NAME_MAX + 1];
    char project[USAGE_TEXT_MAX + 1];
    char branch[USAGE_KEPT_MAX + 1];
    char agent[USAGE_KEPT_MAX + 1];
    int64_t position, line, form;
    int64_t total[TOTALS]; /* of Codex: as the last line had them */
    int64_t counted;       /* whose total is */
    int64_t epoch;         /* how often the totals began anew */
    int64_t replied;       /* 1 = the model has said something */
    int64_t copying;       /* 1 = what comes is another session's history */
    int64_t own_time_us;   /* where that ends: the first turn from then on */
    int64_t own_ordinal;   /* or the first line from this number on; 0 = not told */
};

struct usage_reader;

/* How one platform's lines are read: a row of the table in usage_reader.c. */
struct usage_format {
    const char *platform;
    const struct json_pick_path *paths;
    size_t path_count;
    bool documents; /* some of its files are one JSON object over many lines */
    /* At the end of a line, of which everything that the paths name is at hand. */
    enum usage_verdict (*line)(struct usage_reader *reader);
    /* Where a value at a path that `ends` is over. NULL = there are none. */
    enum usage_verdict (*item)(struct usage_reader *reader, size_t path);
};
extern const struct usage_format usage_claude, usage_codex, usage_gemini, usage_qwen, usage_droid;

struct usage_reader {
    const struct usage_format *format;
    struct arena *arena;
    struct json_pick *pick;
    usage_taker *take;
    usage_complainer *complain;
    void *context;
    uint64_t file_hash;
    char file_session[USAGE_KEPT_MAX + 1]; /* what the file's name says */

    struct usage_kept kept;
    long long line_bytes; /* of the line that is not over */
    long long line_records;
    const char *why; /* the line is bad; NULL = it is not */
    const char *problem;
    bool stopped; /* by the taker */
    struct usage_lines lines;
    char key[USAGE_TEXT_MAX + 1], alike[USAGE_TEXT_MAX + 1]; /* of the record that is given */
    struct buffer state;
};

/* ---- what stands in the line ---- */

const char *usage_text(const struct usage_reader *reader, size_t path); /* NULL for none and for "" */
/* The text, or else what the file's name says; NULL when neither does. */
const char *usage_session(const struct usage_reader *reader, size_t path);
bool usage_text_is(const struct usage_reader *reader, size_t path, const char *text);
/* Whether the text is one of a list that ends with NULL. */
bool usage_one_of(const char *text, const char *const *list);
/* `count` numbers of tokens at as many paths; what is not there, or null, is 0. False when one makes no sense, and the line is then bad. */
bool usage_numbers(struct usage_reader *reader, size_t path, int64_t *out, size_t count);
/* A time; 0 when it is not there. False when it is none, and the line is then bad. */
bool usage_time(struct usage_reader *reader, size_t path, int64_t *us);
/* Remembers a text that is there, in a member of kept. */
void usage_keep(char *kept, size_t size, const char *text);
#define USAGE_KEEP(member, text) usage_keep((member), sizeof(member), (text))

/* ---- what becomes of it ---- */

enum usage_verdict usage_bad(struct usage_reader *reader, const char *why);
/* A record of the log for the taker; source and platform are filled in. A call without any tokens is none. */
enum usage_verdict usage_give(struct usage_reader *reader, struct usage_record *record);

/* Writes a key, or another text of a record, at most USAGE_TEXT_MAX bytes of it. */
const char *usage_put(char out[USAGE_TEXT_MAX + 1], const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What a log and an event of a call in this conversation both say (usage_record.h). Without `output`, of which a log may tell too little, it
 * is left out. NULL when the conversation is not known. */
const char *usage_alike(char out[USAGE_TEXT_MAX + 1], const char *conversation, const int64_t counts[USAGE_COUNTS],
                        bool output);
/* The key of what has no id at all: its place in the file, and its numbers, in case the file's name is not told. */
const char *usage_place_key(struct usage_reader *reader, const struct usage_record *record);

/* ---- what the platforms' numbers mean, in their logs and in their events ---- */

/* BAD = a number is out of its range; OTHER = all are 0: a call without tokens is none. A transcript that tells too little of the output may
 * tell of more reasoning than that: it is cut down to what it is a part of. */
enum usage_verdict usage_weigh(int64_t counts[USAGE_COUNTS]);
/* The name of a tier as records have it; NULL for the usual one and for what is none. */
const char *usage_tier(const char *name);
/* Each false when the numbers contradict each other. */
bool usage_counts_codex(const int64_t total[TOTALS], int64_t counts[USAGE_COUNTS]);
bool usage_counts_gemini(int64_t input, int64_t cached, int64_t tool, int64_t output, int64_t thoughts,
                         int64_t counts[USAGE_COUNTS]);
/* total = 0: not told. */
bool usage_counts_qwen(int64_t prompt, int64_t cached, int64_t candidates, int64_t thoughts, int64_t total,
                       int64_t counts[USAGE_COUNTS]);
