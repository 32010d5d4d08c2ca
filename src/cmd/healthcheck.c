/* healthcheck: asks a running server how it is, over its own FastCGI socket, so that no HTTP client is needed. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "command.h"
#include "env_file.h"
#include "fcgi_client.h"
#include "json.h"
#include "util.h"

enum { UNHEALTHY = 1, TIMEOUT_MAX_S = 3600, FILE_MAX = 1 * MIB };

struct options {
    struct fcgi_target target;
    char host[256], port[8]; /* --tcp taken apart */
    const char *path;
    const char *env_file;
    long long timeout_s;
    bool json;
};

/* HOST:PORT; the host may be an IPv6 address in brackets. */
static bool take_tcp(struct options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    long long port;
    if (!colon || !parse_int(colon + 1, 1, 65535, &port))
        return false;
    size_t length = (size_t)(colon - text);
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof options->host)
        return false;
    snprintf(options->host, sizeof options->host, "%.*s", (int)length, text);
    snprintf(options->port, sizeof options->port, "%lld", port);
    options->target = (struct fcgi_target){.host = options->host, .port = options->port};
    return true;
}

static int healthcheck_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"socket", required_argument, NULL, 's'},
        {"tcp", required_argument, NULL, 't'},
        {"path", required_argument, NULL, 'p'},
        {"timeout", required_argument, NULL, 'w'},
        {"env-file", required_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 's':
            options->target = (struct fcgi_target){.socket_path = optarg};
            break;
        case 't':
            if (!take_tcp(options, optarg))
                return command_refuse(EX_USAGE, "--tcp must be HOST:PORT");
            break;
        case 'p':
            options->path = optarg;
            if (*optarg != '/')
                return command_refuse(EX_USAGE, "--path must start with /");
            break;
        case 'w':
            if (!parse_int(optarg, 1, TIMEOUT_MAX_S, &options->timeout_s))
                return command_refuse(EX_USAGE, "--timeout must be a whole number of seconds, 1 to 3600");
            break;
        case 'e':
            options->env_file = optarg;
            break;
        case 'j':
            options->json = true;
            break;
        default:
            return EX_USAGE;
        }
    }
    return optind < argc
               ? command_refuse(EX_USAGE, "healthcheck takes options only; see ccr-ui-backend healthcheck --help")
               : EX_OK;
}

/* SOCKET, else HOST and PORT, from the environment or the env file. The file is not checked as a whole: whoever may ask
 * for the server's health need not be able to run it. */
static int find_target(struct options *options, struct arena *arena)
{
    static const char *const names[] = {"SOCKET", "HOST", "PORT"};
    const char *values[ARRAY_SIZE(names)];
    struct env_file file = {0};
    char problem[512], tcp[300];
    if (options->env_file && !env_file_load(&file, arena, options->env_file, problem, sizeof problem)) {
        fprintf(stderr, "ccr-ui-backend: %s\n", problem);
        return EX_CONFIG;
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        values[i] = getenv(names[i]);
        if (is_blank(values[i]) && options->env_file)
            values[i] = env_file_get(&file, names[i]);
    }
    if (!is_blank(values[0])) {
        options->target.socket_path = values[0];
        return EX_OK;
    }
    snprintf(tcp, sizeof tcp, "%s:%s", is_blank(values[1]) ? "127.0.0.1" : values[1], values[2] ? values[2] : "");
    if (!is_blank(values[2]) && take_tcp(options, tcp))
        return EX_OK;
    return command_refuse(EX_USAGE, "no server to ask: use --socket PATH or --tcp HOST:PORT, or set SOCKET or PORT");
}

static void print_reply_as_json(int exit_status, const struct fcgi_reply *reply, const char *problem, int64_t took_ms)
{
    struct buffer out;
    struct json_writer w;
    struct json_failure failure;
    buffer_init(&out, 4 * MIB);
    json_begin(&w, &out);
    json_open_object(&w);
    json_bool_member(&w, "healthy", exit_status == EX_OK);
    json_int_member(&w, "status", reply->status);
    json_int_member(&w, "duration_ms", took_ms);
    json_string_member(&w, "error", problem);
    json_t *body = reply->body ? json_parse(reply->body, reply->body_length, &failure) : NULL;
    json_raw_member(&w, "body", body ? reply->body : NULL);
    json_close_object(&w);
    json_decref(body);
    puts(buffer_string(&out));
    buffer_free(&out);
}

static int ask_server(const struct options *options)
{
    struct fcgi_reply reply;
    char problem[512] = "";
    fcgi_reply_init(&reply);
    int64_t started = monotonic_ms();
    enum fcgi_outcome outcome = fcgi_client_get(&options->target, options->path, (int)options->timeout_s * 1000, &reply,
                                                problem, sizeof problem);
    int64_t took = monotonic_ms() - started;
    int status = outcome == FCGI_UNREACHABLE ? EX_UNAVAILABLE : EX_OK;
    if (outcome == FCGI_NO_REPLY || (outcome == FCGI_ANSWERED && (reply.status < 200 || reply.status > 299)))
        status = UNHEALTHY;
    if (options->json)
        print_reply_as_json(status, &reply, problem[0] ? problem : NULL, took);
    else if (outcome != FCGI_ANSWERED)
        fprintf(stderr, "not healthy: %s\n", problem);
    else
        fprintf(status ? stderr : stdout, "%s: %s answered %d in %lld ms\n", status ? "not healthy" : "healthy",
                options->path, reply.status, (long long)took);
    fcgi_reply_free(&reply);
    return status;
}

static int healthcheck_run(int argc, char **argv)
{
    struct options options = {.path = "/api/system/status", .timeout_s = 3};
    struct arena *arena = arena_new(FILE_MAX);
    int status = healthcheck_options(argc, argv, &options);
    if (!status && !options.target.socket_path && !options.target.host)
        status = find_target(&options, arena);
    if (!status)
        status = ask_server(&options);
    arena_free(arena);
    return status;
}

const struct command command_healthcheck = {
    .name = "healthcheck",
    .usage =
        "healthcheck [--socket PATH | --tcp HOST:PORT] [--path PATH] [--timeout SECONDS] [--json] [--env-file FILE]",
    .summary = "ask a running server how it is, over its FastCGI socket",
    .help = "  --socket PATH      the server's Unix socket (default: SOCKET)\n"
            "  --tcp HOST:PORT    the server's TCP address (default: HOST and PORT)\n"
            "  --path PATH        what to ask for (default: /api/system/status; /api/system/live touches no database)\n"
            "  --timeout SECONDS  for the whole exchange (default: 3)\n"
            "  --json             print {\"healthy\", \"status\", \"duration_ms\", \"error\", \"body\"}\n"
            "  --env-file FILE    where to look SOCKET, HOST and PORT up when the environment has none\n"
            "\n"
            "Exit status: 0 healthy, 1 not healthy (an error status, or no proper reply in time), 69 not reachable.\n",
    .run = healthcheck_run,
};
