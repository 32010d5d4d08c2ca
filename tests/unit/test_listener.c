/* Listener: every place a socket may come from, and every file that may be in its way. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

static char folder[64], path[96], problem[PATH_MAX + 256];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ccr-listener-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    problem[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int open_listener(struct listener *listener)
{
    const struct listener_wish wish = {.socket_path = path, .socket_mode = 0640};
    return listener_open(listener, &wish, problem, sizeof problem);
}

static bool exists(void)
{
    return access(path, F_OK) == 0;
}

/* A socket file at path; *fd listens on it. */
static void make_socket(int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(*fd, 0), 0);
}

static int connect_once(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void makes_a_socket_with_its_mode(void **state)
{
    (void)state;
    struct listener listener;
    struct stat made;
    mode_t before = umask(022);
    assert_int_equal(open_listener(&listener), 0);
    assert_int_equal(umask(before), 022); /* put back */
    assert_int_equal(lstat(path, &made), 0);
    assert_true(S_ISSOCK(made.st_mode));
    assert_int_equal(made.st_mode & 0777, 0640);
    assert_string_equal(listener.origin, "socket");
    assert_true(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listener.fd, F_GETFL) & O_NONBLOCK);
    int fd = connect_once();
    assert_true(fd >= 0);
    close(fd);
    listener_close(&listener);
    assert_false(exists());
    listener_close(&listener); /* harmless */
}

static void replaces_a_stale_socket(void **state)
{
    (void)state;
    struct listener listener;
    int old;
    make_socket(&old);
    close(old);
    assert_true(exists());
    assert_int_equal(open_listener(&listener), 0);
    int fd = connect_once();
    assert_true(fd >= 0);
    close(fd);
    listener_close(&listener);
}

static void leaves_a_live_socket_alone(void **state)
{
    (void)state;
    struct listener listener;
    int live;
    make_socket(&live);
    assert_int_equal(listen(live, 8), 0);
    assert_int_equal(open_listener(&listener), EX_CANTCREAT);
    assert_non_null(strstr(problem, path));
    assert_non_null(strstr(problem, "in use"));
    int fd = connect_once();
    assert_true(fd >= 0);
    close(fd);
    close(live);
}

static void a_full_backlog_is_somebody(void **state)
{
    (void)state;
    struct listener listener;
    int live, waiting[8], count = 0;
    make_socket(&live);
    while (count < 8 && (waiting[count] = connect_once()) >= 0)
        count++;
    assert_true(count < 8); /* full */
    assert_int_equal(open_listener(&listener), EX_CANTCREAT);
    assert_true(exists());
    while (count)
        close(waiting[--count]);
    close(live);
}

static void leaves_other_files_alone(void **state)
{
    (void)state;
    struct listener listener;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "data", 4), 4);
    close(fd);
    assert_int_equal(open_listener(&listener), EX_CANTCREAT);
    assert_non_null(strstr(problem, "not a socket"));
    struct stat kept;
    assert_int_equal(lstat(path, &kept), 0);
    assert_int_equal(kept.st_size, 4);
    unlink(path);
    assert_int_equal(symlink("/nonexistent", path), 0); /* never followed */
    assert_int_equal(open_listener(&listener), EX_CANTCREAT);
    assert_int_equal(lstat(path, &kept), 0);
}

static void does_not_remove_a_successor(void **state)
{
    (void)state;
    struct listener listener;
    int successor;
    assert_int_equal(open_listener(&listener), 0);
    unlink(path);
    make_socket(&successor);
    listener_close(&listener);
    assert_true(exists());
    close(successor);
}

static void says_what_is_wrong_with_a_path(void **state)
{
    (void)state;
    struct listener listener;
    char wrong[300];
    const struct listener_wish wish = {.socket_path = wrong, .socket_mode = 0660};
    snprintf(wrong, sizeof wrong, "%s/missing/socket", folder);
    assert_int_equal(listener_open(&listener, &wish, problem, sizeof problem), EX_CANTCREAT);
    assert_non_null(strstr(problem, "/missing"));
    assert_non_null(strstr(problem, "does not exist"));
    assert_null(strchr(problem, '\n'));
    assert_false(listener_check(&wish, problem, sizeof problem));
    memset(wrong, 'x', sizeof wrong - 1);
    wrong[0] = '/';
    wrong[sizeof wrong - 1] = '\0';
    assert_int_equal(listener_open(&listener, &wish, problem, sizeof problem), EX_USAGE);
    assert_non_null(strstr(problem, "107 bytes"));
    assert_false(listener_check(&wish, problem, sizeof problem));
}

static void names_the_ways_when_there_is_none(void **state)
{
    (void)state;
    struct listener listener;
    const struct listener_wish wish = {.socket_path = ""};
    assert_int_equal(listener_open(&listener, &wish, problem, sizeof problem), EX_USAGE);
    static const char *const ways[] = {"--socket", "SOCKET", "PORT", "systemd", "spawn-fcgi"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        assert_non_null(strstr(problem, ways[i]));
    assert_null(strchr(problem, '\n'));
    listener_close(&listener);
}

static void listens_on_tcp(void **state)
{
    (void)state;
    struct listener first, second;
    /* The kernel picks a free port for the first; the second must find it taken. */
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    assert_int_equal(listen(probe, 1), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&bound, &size), 0);
    unsigned char port[2];
    memcpy(port, (const char *)&bound + 2, 2); /* sin_port */
    const struct listener_wish wish = {.host = "127.0.0.1", .port = port[0] << 8 | port[1]};
    assert_int_equal(listener_open(&second, &wish, problem, sizeof problem), EX_CANTCREAT);
    assert_non_null(strstr(problem, "PORT"));
    close(probe);
    assert_int_equal(listener_open(&first, &wish, problem, sizeof problem), 0);
    assert_string_equal(first.origin, "tcp");
    assert_true(fcntl(first.fd, F_GETFL) & O_NONBLOCK);
    listener_close(&first);
}

/* Runs `body` in a child, whose descriptors and environment it may spoil. */
static int in_child(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int take_from_descriptor_0(void)
{
    struct listener listener;
    int fd;
    make_socket(&fd);
    dup2(fd, 0);
    close(fd);
    if (open_listener(&listener) != 0 || strcmp(listener.origin, "descriptor 0") != 0 || listener.fd < 3)
        return 1;
    if (!(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC) || !(fcntl(listener.fd, F_GETFL) & O_NONBLOCK))
        return 2;
    struct stat null;
    if (fstat(0, &null) != 0 || !S_ISCHR(null.st_mode))
        return 3;
    listener_close(&listener);
    return exists() ? 0 : 4; /* whoever made it removes it */
}

static int take_from_systemd(void)
{
    struct listener listener;
    int fd;
    char pid[16];
    make_socket(&fd);
    dup2(fd, 3);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    const struct listener_wish wish = {.socket_path = "/nonexistent/ignored"};
    if (listener_open(&listener, &wish, problem, sizeof problem) != 0 || strcmp(listener.origin, "systemd") != 0)
        return 1;
    if (listener.fd != 3 || getenv("LISTEN_FDS") || !(fcntl(3, F_GETFL) & O_NONBLOCK))
        return 2;
    return fcntl(3, F_GETFD) & FD_CLOEXEC ? 0 : 3;
}

static int refuse_two_from_systemd(void)
{
    struct listener listener;
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    dup2(1, 3);
    dup2(1, 4);
    return open_listener(&listener) == EX_USAGE && strstr(problem, "2 sockets") ? 0 : 1;
}

static int ignore_another_process_sockets(void)
{
    struct listener listener;
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    if (open_listener(&listener) != 0 || strcmp(listener.origin, "socket") != 0)
        return 1;
    listener_close(&listener);
    return 0;
}

/* ssh and inetd leave a connected socket there. */
static int ignore_a_connected_descriptor_0(void)
{
    struct listener listener;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 1;
    dup2(ends[0], 0);
    if (open_listener(&listener) != 0 || strcmp(listener.origin, "socket") != 0)
        return 2;
    listener_close(&listener);
    return 0;
}

static void takes_what_is_handed_over(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_from_descriptor_0), 0);
    unlink(path);
    assert_int_equal(in_child(take_from_systemd), 0);
    unlink(path);
    assert_int_equal(in_child(refuse_two_from_systemd), 0);
    assert_int_equal(in_child(ignore_another_process_sockets), 0);
    assert_int_equal(in_child(ignore_a_connected_descriptor_0), 0);
}

/* Many starts at once over one stale file: exactly one wins, and its socket is the one at the path. */
static void only_one_of_many_starts_wins(void **state)
{
    (void)state;
    enum { STARTS = 8 };
    int stale, go[2], results[2];
    pid_t pids[STARTS];
    make_socket(&stale);
    close(stale);
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(results), 0);
    for (int i = 0; i < STARTS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char byte;
            struct listener listener;
            close(go[1]);
            (void)!read(go[0], &byte, 1); /* end of file: all at once */
            byte = open_listener(&listener) == 0 ? 'y' : 'n';
            (void)!write(results[1], &byte, 1);
            pause();
        }
    }
    close(go[0]);
    close(go[1]);
    int winners = 0;
    for (int i = 0; i < STARTS; i++) {
        char byte = 0;
        assert_int_equal(read(results[0], &byte, 1), 1);
        winners += byte == 'y';
    }
    assert_int_equal(winners, 1);
    int fd = connect_once();
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < STARTS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    close(results[0]);
    close(results[1]);
}

static void checks_without_changing(void **state)
{
    (void)state;
    int live;
    const struct listener_wish wish = {.socket_path = path, .socket_mode = 0660};
    assert_true(listener_check(&wish, problem, sizeof problem));
    assert_false(exists());
    make_socket(&live);
    assert_true(listener_check(&wish, problem, sizeof problem));
    assert_non_null(strstr(problem, "listening"));
    close(live);
    assert_true(listener_check(&wish, problem, sizeof problem));
    assert_true(exists());
    assert_true(listener_check(&(struct listener_wish){0}, problem, sizeof problem));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_socket_with_its_mode),
        TEST(replaces_a_stale_socket),
        TEST(leaves_a_live_socket_alone),
        TEST(a_full_backlog_is_somebody),
        TEST(leaves_other_files_alone),
        TEST(does_not_remove_a_successor),
        TEST(says_what_is_wrong_with_a_path),
        TEST(names_the_ways_when_there_is_none),
        TEST(listens_on_tcp),
        TEST(takes_what_is_handed_over),
        TEST(only_one_of_many_starts_wins),
        TEST(checks_without_changing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
