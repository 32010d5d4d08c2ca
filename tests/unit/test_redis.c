/* Redis: a real redis-server on a Unix socket, well and ill. */
#include "../test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"
#include "log.h"
#include "metrics.h"
#include "rate_limit.h"
#include "redis.h"
#include "util.h"

enum { VALUE_MAX = 4 * MIB, MAX_ARGUMENTS = 32, PATIENT_MS = 60000, HELD_UP_TRIES = 100 };

static char folder[64], path[96], url[128], log_path[96];
static pid_t server;
static struct breaker breaker;
static struct redis *redis;
static struct buffer value;

/* ---- a server --------------------------------------------------------------------------------------------------- */

static int connect_local(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* One command over a connection of its own; the first bytes of the answer. */
static const char *tell(const char *command)
{
    static char answer[256];
    int fd = connect_local();
    answer[0] = '\0';
    if (fd < 0)
        return answer;
    dprintf(fd, "%s\r\n", command);
    ssize_t n = read(fd, answer, sizeof answer - 1);
    answer[n > 0 ? n : 0] = '\0';
    close(fd);
    return answer;
}

/* A server on the socket; `more` are further arguments of it, NULL for none. */
static void start_server(const char *const *more)
{
    static const char *const usual[] = {
        "redis-server", "--port",    "0",          "--bind",       "127.0.0.1", "--save", "",    "--appendonly",
        "no",           "--logfile", "server.log", "--unixsocket", path,        "--dir",  folder};
    const char *arguments[MAX_ARGUMENTS] = {0};
    size_t count = ARRAY_SIZE(usual);
    memcpy(arguments, usual, sizeof usual);
    for (; more && *more; more++)
        arguments[count++] = *more;
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char *copy[MAX_ARGUMENTS]; /* execvp takes pointers to what it does not change */
        memcpy(copy, arguments, sizeof copy);
        execvp(copy[0], copy);
        _exit(127);
    }
    for (int i = 0; i < 500 && !*tell("PING"); i++) {
        usleep(10000);
        if (waitpid(server, NULL, WNOHANG) == server)
            fail_msg("redis-server does not run: install the Debian package redis-server, as scripts/test.sh does");
    }
}

static void stop_server(void)
{
    if (server <= 0)
        return;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    server = 0;
    unlink(path);
}

/* Something that takes connections at fd and gives every one the same answer. */
static void start_fake_on(int fd, const char *answer)
{
    char received[1024];
    assert_int_equal(listen(fd, 8), 0);
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int client = accept(fd, NULL, NULL);
            if (read(client, received, sizeof received) > 0)
                dprintf(client, "%s", answer);
            close(client);
        }
    }
    close(fd);
}

static void start_fake(const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    start_fake_on(fd, answer);
}

/* A busy machine is not to look like a Redis that is away. */
static struct redis *patient_redis(const char *at, struct breaker *shared)
{
    struct redis *made = redis_new(at, shared);
    if (made)
        redis_set_patience(made, PATIENT_MS, PATIENT_MS);
    return made;
}

static bool within(bool (*condition)(void))
{
    for (int i = 0; i < PATIENT_MS / 10; i++) {
        if (condition())
            return true;
        usleep(10000);
    }
    return false;
}

/* ---- before and after ------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ccr-redis-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(url, sizeof url, "unix:%s", path);
    memset(&breaker, 0, sizeof breaker);
    buffer_init(&value, VALUE_MAX);
    redis = patient_redis(url, &breaker);
    return redis && log_open(log_path) ? 0 : -1;
}

static int set_up_with_server(void **state)
{
    if (set_up(state) != 0)
        return -1;
    start_server(NULL);
    return 0;
}

static int tear_down(void **state)
{
    char server_log[96];
    (void)state;
    redis_free(redis);
    redis = NULL;
    stop_server();
    buffer_free(&value);
    log_open(NULL);
    snprintf(server_log, sizeof server_log, "%s/server.log", folder);
    unlink(server_log);
    unlink(log_path);
    return rmdir(folder);
}

static void use_url(const char *other)
{
    redis_free(redis);
    redis = patient_redis(other, &breaker);
    assert_non_null(redis);
}

/* How often the text stands in the log. */
static int logged(const char *text)
{
    static char log[64 * KIB];
    int count = 0, fd = open(log_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, log, sizeof log - 1);
    close(fd);
    log[n > 0 ? n : 0] = '\0';
    for (const char *at = log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* As if the pause after a failure were over. */
static void end_pause(void)
{
    breaker.retry_at_ms = 0;
}

/* How often Redis was asked, or was to be. */
static uint64_t asked(void)
{
    return metrics_value(METRIC_REDIS_COMMAND) + metrics_value(METRIC_REDIS_FAILED);
}

static bool get(const char *key)
{
    buffer_reset(&value);
    return redis_get(redis, key, &value);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void nothing_is_done_without_redis(void **state)
{
    struct redis_limit limit = {.ahead_us = 7};
    (void)state;
    assert_null(redis_new("", &breaker));
    assert_null(redis_new(NULL, &breaker));
    assert_null(redis_new("http://127.0.0.1", &breaker));
    assert_false(redis_get(NULL, "k", &value));
    assert_false(redis_set(NULL, "k", "v", 1, 60));
    assert_false(redis_limit(NULL, "k", 1, 1, &limit));
    assert_int_equal(limit.ahead_us, 7);
    assert_false(redis_healthy(NULL));
    redis_free(NULL);
    assert_false(breaker_is_open(&breaker));
}

static void values_come_back(void **state)
{
    static const char bytes[] = "a\0b\r\n\xff";
    (void)state;
    uint64_t commands = asked(), failed = metrics_value(METRIC_REDIS_FAILED);
    assert_false(get("k"));
    assert_true(redis_set(redis, "k", bytes, sizeof bytes, 60));
    assert_true(get("k"));
    assert_int_equal(value.length, sizeof bytes);
    assert_memory_equal(value.data, bytes, sizeof bytes);
    assert_true(redis_get(redis, "k", &value)); /* appends */
    assert_int_equal(value.length, 2 * sizeof bytes);
    assert_true(redis_set(redis, "k", NULL, 0, 60));
    assert_true(get("k"));
    assert_int_equal(value.length, 0);
    assert_true(redis_healthy(redis));
    assert_int_equal(asked() - commands, 7);
    assert_int_equal(metrics_value(METRIC_REDIS_FAILED), failed);
}

static void large_values_come_back(void **state)
{
    static char large[VALUE_MAX];
    (void)state;
    memset(large, 'x', sizeof large);
    large[0] = 'a';
    assert_true(redis_set(redis, "large", large, sizeof large, 60));
    assert_true(get("large"));
    assert_int_equal(value.length, sizeof large);
    assert_memory_equal(value.data, large, sizeof large);
}

static void what_does_not_fit_is_left_out(void **state)
{
    struct buffer small;
    (void)state;
    buffer_init(&small, 4);
    assert_true(redis_set(redis, "k", "12345", 5, 60));
    assert_false(redis_get(redis, "k", &small));
    assert_int_equal(small.length, 0);
    assert_false(small.overflow);
    assert_true(redis_set(redis, "k", "1234", 4, 60));
    assert_true(redis_get(redis, "k", &small));
    assert_string_equal(buffer_string(&small), "1234");
    assert_false(redis_get(redis, "k", &small)); /* full */
    buffer_free(&small);
}

static bool short_is_gone(void)
{
    return !get("short");
}

static void values_go_after_their_time(void **state)
{
    (void)state;
    assert_true(redis_set(redis, "short", "v", 1, 1));
    assert_true(redis_set(redis, "long", "v", 1, 100000));
    assert_in_range(strtoll(tell("TTL long") + 1, NULL, 10), 90000, 100000);
    assert_true(within(short_is_gone));
    assert_true(get("long"));
    assert_false(redis_set(redis, "never", "v", 1, 0));
    assert_false(get("never"));
}

/* A command that is refused is no outage, and does not fill the log. */
static void another_type_is_not_a_value(void **state)
{
    struct redis_limit limit;
    (void)state;
    tell("LPUSH list a");
    uint64_t failed = metrics_value(METRIC_REDIS_FAILED);
    assert_false(get("list"));
    assert_false(get("list"));
    assert_false(redis_limit(redis, "list", 1000, 1000, &limit));
    assert_int_equal(metrics_value(METRIC_REDIS_FAILED) - failed, 3);
    assert_false(breaker_is_open(&breaker));
    assert_int_equal(logged("WRONGTYPE"), 1);
    assert_true(redis_set(redis, "k", "v", 1, 60));
}

static void a_number_that_is_none_is_an_idle_client(void **state)
{
    struct redis_limit limit;
    (void)state;
    tell("SET cell nonsense");
    assert_true(redis_limit(redis, "cell", 1000000, 2000000, &limit));
    assert_true(limit.allowed);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static int passing(const char *key, int tries, int64_t interval_us, int64_t tolerance_us)
{
    struct redis_limit limit;
    int passed = 0;
    for (int i = 0; i < tries; i++) {
        assert_true(redis_limit(redis, key, interval_us, tolerance_us, &limit));
        passed += limit.allowed;
    }
    return passed;
}

static bool one_more_passes(void)
{
    return passing("c", 1, 500000, 500000) == 1;
}

static void limits_count(void **state)
{
    (void)state;
    assert_int_equal(passing("a", 30, 100000000, 2000000000), 20);
    assert_int_equal(passing("b", 30, 100000000, 100000000), 1);
    assert_true(one_more_passes());
    assert_true(within(one_more_passes));
}

static void a_refusal_takes_nothing(void **state)
{
    struct redis_limit first, second;
    (void)state;
    assert_int_equal(passing("a", 4, 10000000, 20000000), 2);
    assert_true(redis_limit(redis, "a", 10000000, 20000000, &first));
    usleep(20000);
    assert_true(redis_limit(redis, "a", 10000000, 20000000, &second));
    assert_false(first.allowed || second.allowed);
    assert_in_range(first.ahead_us, 20000001, 30000000);
    assert_in_range(first.ahead_us - second.ahead_us, 20000, 10000000);
}

/* The same requests to the cells of one host and to those in Redis: the same decisions. Each wait ends in the middle between
 * two requests at the pace, so that it does not matter which of the two was asked a little later. A row that the machine held
 * up for longer than that is tried again. */
static void limits_are_those_of_one_host(void **state)
{
    enum { INTERVAL_MS = 200, BURST = 5, TOLERANCE_US = INTERVAL_MS * 1000 * BURST };
    static const struct rate_policy policy = {.requests = 5, .period_s = 1, .burst = BURST};
    static const struct {
        int first, wait_ms, then, refused;
    } rows[] = {{1, 0, 9, 5}, {3, 100, 4, 2}, {5, 100, 2, 2}, {9, 300, 4, 7}, {9, 700, 6, 7}, {2, 500, 6, 1}};
    struct scoreboard *board = scoreboard_new(1);
    int held_up = 0;
    (void)state;
    assert_int_equal(passing("warm", 1, 1000, 1000), 1); /* connected, script known */
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char key[16];
        int refused = 0, apart = 0;
        int64_t began = monotonic_ms();
        snprintf(key, sizeof key, "%zu-%d", i, held_up);
        for (int request = 0; request < rows[i].first + rows[i].then; request++) {
            struct redis_limit shared;
            if (request == rows[i].first)
                usleep((unsigned)rows[i].wait_ms * 1000);
            struct rate_decision own = rate_limit(board, NULL, &policy, RATE_ADDRESS, key, monotonic_us());
            assert_true(redis_limit(redis, key, INTERVAL_MS * 1000, TOLERANCE_US, &shared));
            apart += shared.allowed != own.allowed;
            refused += !own.allowed;
        }
        if (monotonic_ms() - began >= rows[i].wait_ms + INTERVAL_MS / 2) {
            assert_in_range(++held_up, 1, HELD_UP_TRIES);
            i--;
            continue;
        }
        assert_int_equal(apart, 0);
        assert_int_equal(refused, rows[i].refused);
    }
    scoreboard_free(board);
}

static bool a_is_gone(void)
{
    return strcmp(tell("EXISTS a"), ":0\r\n") == 0;
}

static void cells_of_idle_clients_are_not_kept(void **state)
{
    (void)state;
    assert_int_equal(passing("b", 5, 100000000, 300000000), 3);
    assert_string_equal(tell("DBSIZE"), ":1\r\n");
    assert_int_equal(passing("a", 1, 50000, 100000), 1);
    assert_true(within(a_is_gone));
    assert_in_range(strtoll(tell("PTTL b") + 1, NULL, 10), 200000, 300000);
}

/* Redis's clock was set back, or the limit was lowered: at the pace, not shut out. */
static void an_arrival_time_too_far_ahead_is_cut(void **state)
{
    (void)state;
    assert_int_equal(passing("a", 10, 1000000000, 100000000000), 10);
    assert_int_equal(passing("a", 10, 100000000, 200000000), 1);
}

static void a_forgotten_script_is_sent_again(void **state)
{
    (void)state;
    assert_int_equal(passing("a", 1, 100000000, 500000000), 1);
    tell("SCRIPT FLUSH");
    assert_int_equal(passing("a", 8, 100000000, 500000000), 4);
    assert_false(breaker_is_open(&breaker));
}

/* Two hosts: a board each, one Redis. */
static struct rate_decision ask_host(struct scoreboard *board, const struct rate_policy *policy)
{
    return rate_limit(board, redis, policy, RATE_USER, "a", monotonic_us());
}

static void hosts_share_a_limit(void **state)
{
    static const struct rate_policy policy = {.requests = 1, .period_s = 100, .burst = 8};
    struct scoreboard *boards[2] = {scoreboard_new(1), scoreboard_new(1)};
    int passed = 0;
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct rate_decision d = ask_host(boards[i % 2], &policy);
        assert_true(d.allowed);
        assert_int_equal(d.remaining, 7 - i); /* for all hosts together */
    }
    for (int i = 0; i < 20; i++)
        passed += ask_host(boards[i % 2], &policy).allowed;
    assert_int_equal(passed, 2);
    stop_server();
    assert_false(ask_host(boards[0], &policy).allowed); /* it has learned from the refusals */
    assert_false(ask_host(boards[1], &policy).allowed);
    scoreboard_free(boards[0]);
    scoreboard_free(boards[1]);
}

static struct scoreboard *second_host;

static bool the_second_passes(void)
{
    static const struct rate_policy policy = {.requests = 1, .period_s = 3, .burst = 1};
    return ask_host(second_host, &policy).allowed;
}

/* What Redis refuses is not asked again before the time it named, and passes then. */
static void a_shared_refusal_is_remembered(void **state)
{
    static const struct rate_policy policy = {.requests = 1, .period_s = 3, .burst = 1};
    struct scoreboard *boards[2] = {scoreboard_new(1), scoreboard_new(1)};
    (void)state;
    assert_true(ask_host(boards[0], &policy).allowed);
    struct rate_decision d = ask_host(boards[1], &policy);
    assert_false(d.allowed);
    assert_in_range(d.retry_after, 1, 3);
    uint64_t commands = asked();
    for (int i = 0; i < 100; i++)
        assert_false(ask_host(boards[1], &policy).allowed);
    assert_int_equal(asked(), commands);
    second_host = boards[1];
    assert_true(within(the_second_passes));
    scoreboard_free(boards[0]);
    scoreboard_free(boards[1]);
}

static void without_redis_each_host_counts_alone(void **state)
{
    static const struct rate_policy policy = {.requests = 1, .period_s = 100, .burst = 5};
    struct scoreboard *boards[2] = {scoreboard_new(1), scoreboard_new(1)};
    int passed = 0;
    (void)state;
    stop_server();
    for (int i = 0; i < 20; i++)
        passed += ask_host(boards[i % 2], &policy).allowed;
    assert_int_equal(passed, 10);
    scoreboard_free(boards[0]);
    scoreboard_free(boards[1]);
}

/* ---- away ------------------------------------------------------------------------------------------------------- */

static void a_stopped_server_costs_nothing(void **state)
{
    struct redis_limit limit;
    (void)state;
    assert_true(redis_set(redis, "k", "v", 1, 60));
    stop_server();
    assert_false(get("k"));
    assert_true(breaker_is_open(&breaker));
    breaker.retry_at_ms = monotonic_ms() + PATIENT_MS;
    uint64_t commands = asked();
    for (int i = 0; i < 1000; i++) {
        assert_false(redis_set(redis, "k", "v", 1, 60));
        assert_false(redis_limit(redis, "k", 1, 1, &limit));
    }
    assert_int_equal(asked(), commands);
    assert_int_equal(breaker.openings, 1);
    assert_int_equal(logged("Redis is away"), 1);
    end_pause();
    assert_false(redis_healthy(redis)); /* a probe */
    assert_int_equal(logged("Redis is away"), 1);
    start_server(NULL);
    breaker.retry_at_ms = monotonic_ms() + PATIENT_MS;
    assert_false(redis_healthy(redis));
    end_pause();
    assert_true(redis_healthy(redis));
    assert_false(breaker_is_open(&breaker));
    assert_int_equal(logged("Redis is back"), 1);
    assert_false(get("k"));
    assert_true(redis_set(redis, "k", "v", 1, 60));
    assert_true(get("k"));
}

/* Between two commands: the old connection is dead, the server is well. */
static void a_restarted_server_is_no_outage(void **state)
{
    struct redis_limit limit;
    (void)state;
    assert_true(redis_limit(redis, "a", 1000000, 1000000, &limit));
    stop_server();
    start_server(NULL);
    assert_true(redis_limit(redis, "a", 1000000, 1000000, &limit));
    assert_true(limit.allowed);
    tell("CLIENT KILL TYPE normal");
    assert_true(redis_healthy(redis));
    assert_int_equal(breaker.openings, 0);
    assert_int_equal(logged("Redis is"), 0);
}

static void a_hung_server_holds_nobody_up(void **state)
{
    (void)state;
    assert_true(redis_set(redis, "k", "v", 1, 60));
    kill(server, SIGSTOP);
    redis_free(redis);
    redis = redis_new(url, &breaker);
    assert_non_null(redis); /* with the patience of a worker */
    for (int i = 0; i < 2; i++) {
        assert_false(get("k"));
        assert_true(breaker_is_open(&breaker));
        breaker.retry_at_ms = monotonic_ms() + PATIENT_MS;
        uint64_t commands = asked();
        assert_false(get("k"));
        assert_int_equal(asked(), commands);
        end_pause();
    }
    assert_int_equal(logged("no answer within 50 ms"), 1);
    kill(server, SIGCONT);
    redis_set_patience(redis, PATIENT_MS, PATIENT_MS);
    assert_true(get("k"));
    assert_string_equal(buffer_string(&value), "v");
    assert_int_equal(logged("Redis is back"), 1);
}

static void only_one_process_tries_at_a_time(void **state)
{
    (void)state;
    breaker.open = 1;
    breaker.turn =
        (uint64_t)(monotonic_ms() + BREAKER_TURN_MS) << 22 | (uint64_t)getppid(); /* as breaker.c writes it */
    assert_false(redis_healthy(redis));
    breaker.turn = 0;
    assert_true(redis_healthy(redis));
    assert_false(breaker_is_open(&breaker));
}

static bool is_healthy(void)
{
    return redis_healthy(redis);
}

static void without_a_shared_breaker_there_is_an_own_one(void **state)
{
    (void)state;
    redis_free(redis);
    redis = patient_redis(url, NULL);
    stop_server();
    assert_false(redis_healthy(redis));
    start_server(NULL);
    assert_true(within(is_healthy));
}

static void a_server_that_serves_nobody_is_away(void **state)
{
    (void)state;
    start_fake("-LOADING Redis is loading the dataset in memory\r\n");
    assert_false(redis_healthy(redis));
    assert_true(breaker_is_open(&breaker));
    assert_int_equal(logged("loading the dataset"), 1);
}

static void another_server_is_away(void **state)
{
    (void)state;
    start_fake("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_false(get("k"));
    assert_true(breaker_is_open(&breaker));
    stop_server();
    end_pause();
    start_fake("");
    assert_false(get("k"));
    assert_int_equal(logged("Redis is away"), 1);
}

static void answers_of_another_shape_are_none(void **state)
{
    static const char *const answers[] = {":1\r\n", "*1\r\n:1\r\n", "*0\r\n", "$-1\r\n", "*2\r\n+a\r\n+b\r\n"};
    struct redis_limit limit;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        start_fake(answers[i]);
        assert_false(get("k"));
        assert_false(redis_set(redis, "k", "v", 1, 1));
        assert_false(redis_healthy(redis));
        assert_false(redis_limit(redis, "k", 1, 1, &limit));
        stop_server();
    }
    assert_false(breaker_is_open(&breaker));
}

/* ---- who we are ------------------------------------------------------------------------------------------------- */

/* Below those that Linux gives outgoing connections (ip_local_port_range): it is still free when a server takes it. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port, taken;
    do {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        port = 10240 + (int)randombytes_uniform(32768 - 10240);
        address.sin_port = htons((uint16_t)port);
        taken = bind(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
    } while (taken);
    return port;
}

static void passwords_are_sent_and_never_logged(void **state)
{
    static const struct {
        const char *login;
        bool good;
    } logins[] = {
        {"", false},
        {":wrong-secret@", false},
        {"ccr:wrong-secret@", false},
        {"nobody:wrong-secret@", false},
        {":right%3Apass%40word@", true},
        {"default:right%3Apass%40word@", true},
        {"ccr:half%2Fopen@", true},
    };
    char port[8], with[128];
    const char *const guarded[] = {
        "--port", port, "--requirepass", "right:pass@word", "--user", "ccr", "on", ">half/open", "~*", "+@all", NULL};
    (void)state;
    snprintf(port, sizeof port, "%d", free_port());
    start_server(guarded);
    for (size_t i = 0; i < ARRAY_SIZE(logins); i++) {
        memset(&breaker, 0, sizeof breaker);
        snprintf(with, sizeof with, "redis://%s127.0.0.1:%s/3", logins[i].login, port);
        use_url(with);
        assert_int_equal(redis_set(redis, "k", "v", 1, 60), logins[i].good);
        assert_int_equal(breaker_is_open(&breaker), !logins[i].good);
        assert_int_equal(get("k"), logins[i].good);
    }
    assert_int_equal(logged("AUTH was refused (WRONGPASS)"), 3);
    assert_int_equal(logged("secret") + logged("pass@word") + logged("half/open"), 0);
}

/* What a server says against AUTH may repeat the password. */
static void what_is_said_against_a_password_is_not_logged(void **state)
{
    char port[8], with[128];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)state;
    int number = free_port(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)number);
    snprintf(port, sizeof port, "%d", number);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    start_fake_on(fd, "-ERR unknown command `AUTH`, with args beginning with: `secret`, \r\n");
    snprintf(with, sizeof with, "redis://:secret@localhost:%s", port);
    use_url(with);
    assert_false(redis_healthy(redis));
    assert_int_equal(logged("AUTH was refused (ERR)"), 1);
    assert_int_equal(logged("secret"), 0);
}

static void databases_are_apart(void **state)
{
    char port[8], with[128];
    const char *const more[] = {"--port", port, NULL};
    (void)state;
    snprintf(port, sizeof port, "%d", free_port());
    start_server(more);
    snprintf(with, sizeof with, "redis://127.0.0.1:%s/5", port);
    use_url(with);
    assert_true(redis_set(redis, "k", "v", 1, 60));
    assert_string_equal(tell("DBSIZE"), ":0\r\n");
    use_url(url);
    assert_false(get("k"));
    snprintf(with, sizeof with, "redis://127.0.0.1:%s/99", port); /* has 16 */
    use_url(with);
    assert_false(redis_healthy(redis));
    assert_int_equal(logged("SELECT was refused"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_done_without_redis, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_come_back, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(large_values_come_back, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_left_out, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(values_go_after_their_time, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(another_type_is_not_a_value, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_number_that_is_none_is_an_idle_client, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(limits_count, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_takes_nothing, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(limits_are_those_of_one_host, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(hosts_share_a_limit, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_shared_refusal_is_remembered, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(without_redis_each_host_counts_alone, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(cells_of_idle_clients_are_not_kept, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(an_arrival_time_too_far_ahead_is_cut, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_forgotten_script_is_sent_again, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_server_costs_nothing, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_restarted_server_is_no_outage, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_hung_server_holds_nobody_up, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(only_one_process_tries_at_a_time, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(without_a_shared_breaker_there_is_an_own_one, set_up_with_server, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_serves_nobody_is_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_server_is_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_of_another_shape_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passwords_are_sent_and_never_logged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_said_against_a_password_is_not_logged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(databases_are_apart, set_up, tear_down),
    };
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0 || !metrics_init())
        return 1;
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
