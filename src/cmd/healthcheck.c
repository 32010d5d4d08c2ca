/* healthcheck: asks a running server how it is, over its own FastCGI socket, so that no HTTP client is needed. */
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

static struct {
    const char *socket, *tcp, *path, *timeout;
    bool json;
} given = {.path = "/api/system/status", .timeout = "3"};

static struct fcgi_target target;

/* HOST:PORT; the host may be an IPv6 address in brackets. */
static bool take_tcp(const char *text)
{
    static char host[256], port[8];
    const char *colon = strrchr(text, ':');
    long long number;
    if (!colon || !parse_int(colon + 1, 1, 65535, &number))
        return false;
    size_t length = (size_t)(colon - text);
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)length, text);
    snprintf(port, sizeof port, "%lld", number);
    target = (struct fcgi_target){.host = host, .port = port};
    return true;
}

/* SOCKET, else HOST and PORT, from the environment or the env file. The file is not checked as a whole: whoever may ask
 * for the server's health need not be able to run it. */
static int find_target(struct arena *arena)
{
    static const char *const names[] = {"SOCKET", "HOST", "PORT"};
    const char *values[ARRAY_SIZE(names)];
    struct env_file file = {0};
    char problem[512], tcp[300];
    if (command_env_file && !env_file_load(&file, arena, command_env_file, problem, sizeof problem))
        return command_refuse(EX_CONFIG, problem);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        values[i] = getenv(names[i]);
        if (is_blank(values[i]) && command_env_file)
            values[i] = env_file_get(&file, names[i]);
    }
    if (!is_blank(values[0])) {
        target.socket_path = values[0];
        return EX_OK;
    }
    snprintf(tcp, sizeof tcp, "%s:%s", is_blank(values[1]) ? "127.0.0.1" : values[1], values[2] ? values[2] : "");
    if (!is_blank(values[2]) && take_tcp(tcp))
        return EX_OK;
    return command_refuse(EX_USAGE, "no server to ask: use --socket PATH or --tcp HOST:PORT, or set SOCKET or PORT");
}

static void print_reply_as_json(int exit_status, const struct fcgi_reply *reply, const char *problem, int64_t took_ms)
{
    struct json_failure failure;
    struct json_writer *w = command_json();
    json_open_object(w);
    json_bool_member(w, "healthy", exit_status == EX_OK);
    json_int_member(w, "status", reply->status);
    json_int_member(w, "duration_ms", took_ms);
    json_string_member(w, "error", problem);
    json_t *body = reply->body ? json_parse(reply->body, reply->body_length, &failure) : NULL;
    json_raw_member(w, "body", body ? reply->body : NULL);
    json_close_object(w);
    json_decref(body);
    command_json_print();
}

static int ask_server(int timeout_ms)
{
    struct fcgi_reply reply;
    char problem[512] = "";
    fcgi_reply_init(&reply);
    int64_t started = monotonic_ms();
    enum fcgi_outcome outcome = fcgi_client_get(&target, given.path, timeout_ms, &reply, problem, sizeof problem);
    int64_t took = monotonic_ms() - started;
    int status = outcome == FCGI_UNREACHABLE ? EX_UNAVAILABLE : EX_OK;
    if (outcome == FCGI_NO_REPLY || (outcome == FCGI_ANSWERED && (reply.status < 200 || reply.status > 299)))
        status = UNHEALTHY;
    if (given.json)
        print_reply_as_json(status, &reply, problem[0] ? problem : NULL, took);
    else if (outcome != FCGI_ANSWERED)
        fprintf(stderr, "not healthy: %s\n", problem);
    else
        fprintf(status ? stderr : stdout, "%s: %s answered %d in %lld ms\n", status ? "not healthy" : "healthy",
                given.path, reply.status, (long long)took);
    fcgi_reply_free(&reply);
    return status;
}

static int healthcheck_run(void)
{
    long long timeout_s;
    target.socket_path = given.socket;
    if (!given.socket && given.tcp && !take_tcp(given.tcp))
        return command_refuse(EX_USAGE, "--tcp must be HOST:PORT");
    if (*given.path != '/')
        return command_refuse(EX_USAGE, "--path must start with /");
    if (!parse_int(given.timeout, 1, TIMEOUT_MAX_S, &timeout_s))
        return command_refuse(EX_USAGE, "--timeout must be a whole number of seconds, 1 to 3600");
    struct arena *arena = arena_new(FILE_MAX);
    int status = given.socket || given.tcp ? EX_OK : find_target(arena);
    if (!status)
        status = ask_server((int)timeout_s * 1000);
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
    .options = (const struct command_option[]){{"socket", .text = &given.socket},
                                               {"tcp", .text = &given.tcp},
                                               {"path", .text = &given.path},
                                               {"timeout", .text = &given.timeout},
                                               {"json", .flag = &given.json},
                                               OPTION_ENV_FILE,
                                               {0}},
    .run = healthcheck_run,
};
