/* For tests: what usage_reader.h makes of a file. usage-read PLATFORM [FILE-NAME [STATE]] reads the file from standard input and writes
 * each record as a line of JSON, with all that is told of it; on standard error, at the end, the lines by kind, where to go on, and the
 * state there. PLATFORM may also be otlp-json or otlp-protobuf: one body of /v1/logs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "usage_otlp.h"
#include "util.h"

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    if (!text)
        return;
    json_key(w, name);
    json_put_string(w, text);
}

static bool print_record(void *context, const struct usage_record *record)
{
    (void)context;
    struct buffer line;
    struct json_writer w;
    buffer_init(&line, 64 * KIB);
    json_begin(&w, &line);
    json_open_object(&w);
    put_text(&w, "source", usage_source_names[record->source]);
    put_text(&w, "platform", record->platform);
    put_text(&w, "key", record->key);
    put_text(&w, "request", record->request);
    put_text(&w, "alike", record->alike);
    json_int_member(&w, "time_us", record->time_us);
    put_text(&w, "session", record->session);
    put_text(&w, "model", record->model);
    put_text(&w, "tier", record->tier);
    put_text(&w, "provider", record->provider);
    put_text(&w, "project", record->project);
    put_text(&w, "branch", record->branch);
    put_text(&w, "agent", record->agent);
    for (size_t i = 0; i < USAGE_COUNTS; i++) {
        json_key(&w, usage_count_names[i]);
        json_put_int(&w, record->counts[i]);
    }
    json_bool_member(&w, "sidechain", record->sidechain);
    json_bool_member(&w, "so_far", record->so_far);
    json_close_object(&w);
    puts(buffer_string(&line));
    buffer_free(&line);
    return true;
}

static void print_bad(void *context, long long line, const char *why)
{
    (void)context;
    fprintf(stderr, "line %lld: %s\n", line, why);
}

static void print_lines(const struct usage_lines *lines)
{
    fprintf(stderr, "{\"lines\":%lld,\"records\":%lld,\"other\":%lld,\"unknown\":%lld,\"bad\":%lld}\n", lines->lines,
            lines->records, lines->other, lines->unknown, lines->bad);
}

static int read_body(enum usage_otlp encoding)
{
    struct buffer body;
    struct usage_lines lines = {0};
    char why[200] = "", piece[16 * KIB];
    size_t length;
    buffer_init(&body, 256 * MIB);
    while ((length = fread(piece, 1, sizeof piece, stdin)) > 0)
        buffer_append(&body, piece, length);
    bool sound =
        usage_otlp_logs(encoding, buffer_string(&body), body.length, print_record, NULL, &lines, why, sizeof why);
    buffer_free(&body);
    if (!sound)
        fprintf(stderr, "%s\n", why);
    print_lines(&lines);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int read_log(const char *platform, const char *file, const char *state)
{
    struct usage_reader *reader = usage_reader_new(platform, file, state, print_record, print_bad, NULL);
    char piece[64 * KIB];
    size_t length;
    if (!reader) {
        fprintf(stderr, "no log of %s is read, or the state is none\n", platform);
        return EXIT_FAILURE;
    }
    while ((length = fread(piece, 1, sizeof piece, stdin)) > 0 && usage_reader_feed(reader, piece, length))
        ;
    bool sound = usage_reader_end(reader, true);
    if (!sound)
        fprintf(stderr, "%s\n", usage_reader_problem(reader));
    print_lines(usage_reader_lines(reader));
    fprintf(stderr, "%lld %s\n", usage_reader_position(reader), usage_reader_state(reader));
    usage_reader_free(reader);
    return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: usage-read PLATFORM [FILE-NAME [STATE]] < FILE\n");
        return EXIT_FAILURE;
    }
    if (strcmp(argv[1], "otlp-json") == 0)
        return read_body(USAGE_OTLP_JSON);
    if (strcmp(argv[1], "otlp-protobuf") == 0)
        return read_body(USAGE_OTLP_PROTOBUF);
    return read_log(argv[1], argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
}
