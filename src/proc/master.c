/* Master: one loop around a signalfd. It never holds a database connection and never reads a request, so that little can go
 * wrong in the one process that must not die. */
#include "master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "background.h"
#include "build_info.h"
#include "cpu.h"
#include "log.h"
#include "pool.h"
#include "systemd.h"
#include "util.h"

enum {
    SECOND_MS = 1000,
    READY_LIMIT_MS = 10000, /* with some workers ready but not all: say READY anyway */
    SETTINGS_SETS = 3,      /* in use, to fall back on, being loaded */
};

struct master {
    const struct master_setup *setup;
    struct pool pool;
    struct background background;
    struct settings sets[SETTINGS_SETS];
    int current, proven; /* indexes of sets; differ while a reload is on trial */
    int signal_fd;
    int64_t started_ms, next_second_ms, next_watchdog_ms;
    int watchdog_ms;
    bool announced; /* READY=1 was sent */
    struct cpu_sample cpu;
};

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static void fill_signals(sigset_t *set)
{
    static const int taken[] = {SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2};
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        sigaddset(set, taken[i]);
}

void master_block_signals(void)
{
    sigset_t set;
    fill_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* standard error may be a pipe whose reader has gone */
}

/* ---- log file --------------------------------------------------------------------------------------------------- */

/* The master first: workers that are started meanwhile get its descriptor. */
static void reopen_log(struct master *m)
{
    const char *path = m->sets[m->current].log_file;
    if (!path)
        return;
    if (log_reopen())
        log_info("log file opened anew");
    else
        log_error("LOG_FILE cannot be opened anew, the old file is written on", LOG_STR("path", path),
                  LOG_STR("reason", strerror(errno)));
    seats_reopen_log(m->pool.seats, POOL_SEATS);
    seats_reopen_log(m->background.seats, BACKGROUND_KINDS);
}

/* ---- reload ----------------------------------------------------------------------------------------------------- */

static void use_settings(struct master *m, int index)
{
    m->current = index;
    log_configure((enum log_level)m->sets[index].log_level, (enum log_format)m->sets[index].log_format);
}

static void go_back_to(struct master *m, int index)
{
    use_settings(m, index);
    if (!log_open(m->sets[index].log_file))
        log_error("LOG_FILE cannot be opened", LOG_STR("reason", strerror(errno)));
}

static int spare_set(const struct master *m)
{
    for (int i = 0; i < SETTINGS_SETS; i++)
        if (i != m->current && i != m->proven)
            return i;
    return -1; /* cannot be: three sets, two in use */
}

/* What the workers find in their settings is what is in force, not what the file says. */
static void keep_what_needs_a_restart(struct settings *next, const struct settings *running)
{
    struct setting_shown setting;
    settings_keep(next, running);
    for (size_t i = 0; settings_at(next, i, &setting); i++)
        if (setting.waiting)
            log_warn("reload: a changed setting takes effect at a restart only", LOG_STR("setting", setting.name),
                     LOG_STR("wanted", setting.waiting), LOG_STR("in_force", setting.value));
}

static void master_reload(struct master *m)
{
    char problem[512];
    int spare = spare_set(m), before = m->current;
    if (!m->setup->load(&m->sets[spare], problem, sizeof problem)) {
        log_error("reload refused, the settings stay as they are", LOG_STR("reason", problem));
        return;
    }
    if (!log_open(m->sets[spare].log_file)) {
        log_error("reload refused: LOG_FILE cannot be opened", LOG_STR("reason", strerror(errno)));
        settings_free(&m->sets[spare]);
        return;
    }
    keep_what_needs_a_restart(&m->sets[spare], &m->sets[before]);
    log_info("reload: workers are replaced one by one");
    systemd_notify("RELOADING=1\nSTATUS=Reloading");
    pool_reload(&m->pool, &m->sets[spare]);
    use_settings(m, spare);
    if (before != m->proven) /* an earlier reload that never got as far as a ready worker */
        settings_free(&m->sets[before]);
}

static void follow_reload(struct master *m)
{
    if (m->pool.reload == RELOAD_FAILED) {
        int failed = m->current;
        log_error("reload failed: the first worker with the new settings died; the old ones are kept");
        pool_reload_undo(&m->pool, &m->sets[m->proven]);
        go_back_to(m, m->proven);
        settings_free(&m->sets[failed]);
        systemd_notify("READY=1\nSTATUS=Reload failed, running with the old settings");
    }
    if (!m->pool.trial && m->proven != m->current) {
        background_reload(&m->background, &m->sets[m->current], monotonic_ms());
        settings_free(&m->sets[m->proven]);
        m->proven = m->current;
    }
    if (m->pool.reload == RELOAD_DONE) {
        m->pool.reload = RELOAD_NONE;
        log_info("reload done", LOG_INT("workers", pool_alive(&m->pool)));
        systemd_notify("READY=1");
    }
}

/* ---- what signals mean ------------------------------------------------------------------------------------------ */

static void stop(struct master *m, int64_t now)
{
    if (m->pool.stopping) {
        log_warn("told to stop again: requests in progress are cut off");
        seats_kill(m->pool.seats, POOL_SEATS);
        seats_kill(m->background.seats, BACKGROUND_KINDS);
        return;
    }
    log_info("stopping: requests in progress are finished first", LOG_INT("workers", pool_alive(&m->pool)));
    systemd_notify("STOPPING=1\nSTATUS=Finishing requests in progress");
    pool_stop(&m->pool, now);
    background_stop(&m->background, now);
}

static void take_signal(struct master *m, int number, int64_t now)
{
    switch (number) {
    case SIGTERM:
    case SIGQUIT:
    case SIGINT:
        stop(m, now);
        break;
    case SIGHUP:
        if (!m->pool.stopping)
            master_reload(m);
        break;
    case SIGUSR1:
        reopen_log(m);
        break;
    default: /* SIGCHLD: the loop collects after every wake-up */
        break;
    }
}

static void read_signals(struct master *m, int64_t now)
{
    struct signalfd_siginfo info;
    while (read(m->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        take_signal(m, (int)info.ssi_signo, now);
}

/* ---- once a second ---------------------------------------------------------------------------------------------- */

static void sample_cpu(struct master *m)
{
    struct cpu_sample now;
    if (!cpu_sample_read(&now))
        return;
    int used = cpu_permille(&m->cpu, &now);
    m->cpu = now;
    if (used >= 0)
        atomic_store(&m->setup->board->cpu_permille, used);
}

static void announce_ready(struct master *m, int64_t now)
{
    bool late = now - m->started_ms > READY_LIMIT_MS && scoreboard_count(m->setup->board, STAGE_IDLE) > 0;
    if (m->announced || m->pool.stopping || !(pool_complete(&m->pool) || late))
        return;
    m->announced = true;
    systemd_notify("READY=1");
    log_info("ready", LOG_INT("workers", pool_alive(&m->pool)), LOG_STR("socket", m->setup->address),
             LOG_STR("from", m->setup->origin), LOG_INT("start_ms", now - m->started_ms));
}

static void every_second(struct master *m, int64_t now)
{
    if (now < m->next_second_ms)
        return;
    m->next_second_ms = now + SECOND_MS;
    sample_cpu(m);
    if (m->announced && !m->pool.stopping)
        systemd_notify("STATUS=%d workers, %d busy, %llu died", pool_alive(&m->pool), scoreboard_busy(m->setup->board),
                       (unsigned long long)atomic_load(&m->setup->board->restarts));
}

/* Silent when no worker makes progress any more: systemd then restarts the service. */
static void feed_watchdog(struct master *m, int64_t now)
{
    if (!m->watchdog_ms || now < m->next_watchdog_ms)
        return;
    m->next_watchdog_ms = now + m->watchdog_ms;
    if (pool_fresh(&m->pool, now))
        systemd_notify("WATCHDOG=1");
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void wait_for_signals(struct master *m)
{
    struct pollfd p = {.fd = m->signal_fd, .events = POLLIN};
    int64_t now = monotonic_ms(), until = m->next_second_ms;
    if (m->watchdog_ms && m->next_watchdog_ms < until)
        until = m->next_watchdog_ms;
    int wait_ms = pool_wait_ms(&m->pool, now, until > now ? (int)(until - now) : 0);
    poll(&p, 1, background_wait_ms(&m->background, now, wait_ms));
    read_signals(m, monotonic_ms());
}

static void reap(struct master *m, int64_t now)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!pool_died(&m->pool, pid, status, now))
            background_died(&m->background, pid, status, now);
}

static void loop(struct master *m)
{
    for (;;) {
        int64_t now = monotonic_ms();
        reap(m, now);
        if (m->pool.stopping && pool_alive(&m->pool) + background_alive(&m->background) == 0)
            return;
        follow_reload(m);
        pool_work(&m->pool, now);
        background_work(&m->background, now, m->pool.resumed_ms);
        announce_ready(m, now);
        every_second(m, now);
        feed_watchdog(m, now);
        wait_for_signals(m);
    }
}

int master_run(const struct master_setup *setup, struct settings *settings)
{
    static struct master master; /* one per process, and larger than a stack frame should be */
    struct master *m = &master;
    sigset_t set;
    fill_signals(&set);
    m->setup = setup;
    m->sets[0] = *settings;
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->signal_fd < 0) {
        log_error("cannot take signals", LOG_STR("reason", strerror(errno)));
        return EX_OSERR;
    }
    m->started_ms = monotonic_ms();
    m->watchdog_ms = systemd_watchdog_ms();
    log_info("starting", LOG_STR("version", build_version), LOG_INT("min_workers", settings->min_connections),
             LOG_INT("max_workers", settings->max_connections), LOG_STR("socket", setup->address));
    pool_init(&m->pool, setup->board, &m->sets[0], setup->listen_fd, m->signal_fd);
    background_init(&m->background, setup->board, &m->sets[0], setup->listen_fd, m->signal_fd);
    loop(m);
    log_info("stopped", LOG_INT("died", atomic_load(&setup->board->restarts)));
    settings_free(&m->sets[m->proven]);
    if (m->current != m->proven)
        settings_free(&m->sets[m->current]);
    close(m->signal_fd);
    return EX_OK;
}
