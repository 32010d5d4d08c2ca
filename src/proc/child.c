/* Child: signals, the master's death, memory. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

static volatile sig_atomic_t stopping, log_renamed;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static void on_log_renamed(int signal_number)
{
    (void)signal_number;
    log_renamed = 1;
}

static void on_nothing(int signal_number)
{
    (void)signal_number;
}

/* Everything the master sends is blocked (inherited from it), except while waiting. */
static void set_up_signals(sigset_t *while_waiting)
{
    static const struct {
        int signal;
        void (*handler)(int);
    } table[] = {
        {SIGTERM, on_stop},        {SIGQUIT, on_stop}, {SIGINT, SIG_IGN},
        {SIGHUP, SIG_IGN},     /* the master passes these on */
        {SIGPIPE, on_nothing}, /* a function: FCGX_Init would replace SIG_IGN by a handler of its own */
        {SIGUSR1, on_log_renamed}, {SIGUSR2, SIG_IGN}, {SIGCHLD, SIG_DFL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct sigaction action = {.sa_handler = table[i].handler};
        sigaction(table[i].signal, &action, NULL);
    }
    sigprocmask(SIG_SETMASK, NULL, while_waiting);
    sigdelset(while_waiting, SIGTERM);
    sigdelset(while_waiting, SIGQUIT);
    sigdelset(while_waiting, SIGUSR1);
}

/* Beyond it malloc fails, which a request survives or which ends this process, instead of the machine running out. A
 * lower limit from outside stays. */
static void limit_memory(int mebibytes)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)mebibytes * MIB;
    if (mebibytes <= 0 || getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur <= wanted)
        return;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        log_warn("MEMORY_LIMIT cannot be set", LOG_STR("reason", strerror(errno)));
}

bool child_begin(pid_t master, int memory_limit, sigset_t *while_waiting)
{
    set_up_signals(while_waiting);
    if (!master) {
        const struct sigaction action = {.sa_handler = on_stop};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGHUP, &action, NULL);
        sigdelset(while_waiting, SIGINT);
        sigdelset(while_waiting, SIGHUP);
    } else if (prctl(PR_SET_PDEATHSIG, SIGTERM), getppid() != master) { /* it may have died before the line above */
        return false;
    }
    limit_memory(memory_limit);
    return true;
}

bool child_must_leave(void)
{
    return stopping;
}

static void open_log_anew(void)
{
    log_renamed = 0;
    if (!log_reopen())
        log_error("LOG_FILE cannot be opened anew, the old file is written on", LOG_STR("reason", strerror(errno)));
}

void child_take_signals(const sigset_t *while_waiting)
{
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, while_waiting, &blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (log_renamed)
        open_log_anew();
}

void child_nap(const sigset_t *while_waiting, int milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    ppoll(NULL, 0, &pause, while_waiting);
}
