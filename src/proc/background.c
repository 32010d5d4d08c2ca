/* Background: a row a kind of process, and a small state machine for each. */
#include "background.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "util.h"

enum {
    YOUNG_MS = 5000, /* one that dies before this age may be one of a crash loop */
    RETRY_MS = 5000, /* when there can be no process now */
    LEAVING_LOOK_MS = 50,
};

static bool wants_housekeeping(const struct settings *settings)
{
    return settings->housekeeping;
}

static bool wants_events(const struct settings *settings)
{
    return settings->events_socket != NULL;
}

static const struct background_kind {
    const char *name;    /* of the process, as ps and top show it: 15 bytes at most */
    const char *purpose; /* for the log */
    bool (*wanted)(const struct settings *settings);
    int (*run)(const struct background_setup *setup); /* its whole life; the exit status */
    int silent_max_ms; /* without a heartbeat, beyond STATEMENT_TIMEOUT and CONNECTION_TIMEOUT: then it is stuck */
} kinds[] = {
    {"ccr-housekeeper", "housekeeping", wants_housekeeping, housekeeper_run, 15000},
    {"ccr-events", "live events", wants_events, events_run, 15000},
};
_Static_assert(ARRAY_SIZE(kinds) == BACKGROUND_KINDS, "the scoreboard has a slot for each kind");

void background_init(struct background *background, struct scoreboard *board, const struct settings *settings,
                     int listen_fd, int master_only_fd)
{
    memset(background, 0, sizeof *background);
    background->board = board;
    background->settings = settings;
    background->listen_fd = listen_fd;
    background->master_only_fd = master_only_fd;
    background->master = getpid();
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

static _Noreturn void background_become(struct background *background, size_t kind)
{
    const struct background_setup setup = {
        .settings = background->settings,
        .board = background->board,
        .slot = &background->board->background[kind],
        .master = background->master,
    };
    close(background->master_only_fd);
    close(background->listen_fd);
    prctl(PR_SET_NAME, kinds[kind].name);
    atomic_store(&setup.slot->pid, getpid());
    _exit(kinds[kind].run(&setup)); /* not exit(): what the master registered to do at its end is not ours to do */
}

static void background_start(struct background *background, size_t kind, int64_t now)
{
    struct seat *seat = &background->seats[kind];
    struct worker_slot *slot = &background->board->background[kind];
    atomic_store(&slot->started_ms, now);
    atomic_store(&slot->heartbeat_ms, now);
    atomic_store(&slot->connected, 0);
    scoreboard_stage(slot, STAGE_STARTING);
    pid_t pid = fork();
    if (pid == 0)
        background_become(background, kind);
    if (pid < 0) {
        log_error("cannot start a process", LOG_STR("for", kinds[kind].purpose), LOG_STR("reason", strerror(errno)));
        scoreboard_stage(slot, STAGE_EMPTY);
        seat->state = SEAT_WAITING;
        seat->start_at_ms = now + RETRY_MS;
        return;
    }
    atomic_store(&slot->pid, pid);
    *seat = (struct seat){.state = SEAT_RUNNING, .pid = pid, .quick_deaths = seat->quick_deaths, .started_ms = now};
    log_debug("process started", LOG_STR("for", kinds[kind].purpose), LOG_INT("pid", pid));
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

static void took_its_leave(struct background *background, size_t kind, int status, int64_t now)
{
    struct seat *seat = &background->seats[kind];
    int64_t lived = now - seat->started_ms;
    bool told = seat->state == SEAT_LEAVING && !seat->killed;
    atomic_store(&background->board->background[kind].pid, 0);
    scoreboard_stage(&background->board->background[kind], STAGE_EMPTY);
    seat->state = SEAT_WAITING;
    seat->start_at_ms = now;
    if (told || background->stopping)
        return;
    seat->quick_deaths = lived >= YOUNG_MS ? 0 : seat->quick_deaths + 1;
    seat->start_at_ms = now + seat_delay_ms(seat->quick_deaths);
    metrics_add(METRIC_BACKGROUND_DIED, 1);
    log_warn("process died", LOG_STR("for", kinds[kind].purpose), LOG_INT("pid", seat->pid),
             LOG_STR("signal", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL),
             LOG_INT("exit_status", WIFEXITED(status) ? WEXITSTATUS(status) : -1), LOG_INT("lived_ms", lived),
             LOG_INT("next_in_ms", seat->start_at_ms - now));
}

bool background_died(struct background *background, pid_t pid, int status, int64_t now)
{
    struct seat *seat = seat_of(background->seats, ARRAY_SIZE(kinds), pid);
    if (seat)
        took_its_leave(background, (size_t)(seat - background->seats), status, now);
    return seat;
}

static void background_kill_stuck(struct background *background, size_t kind, int64_t now)
{
    struct seat *seat = &background->seats[kind];
    const struct settings *settings = background->settings;
    int64_t heard = atomic_load(&background->board->background[kind].heartbeat_ms);
    int64_t silent = now - (heard > background->resumed_ms ? heard : background->resumed_ms);
    int64_t limit = kinds[kind].silent_max_ms + settings->statement_timeout + settings->connection_timeout * 1000LL;
    bool late = seat->state == SEAT_LEAVING && now >= seat->leave_by_ms;
    if (seat->killed || (!late && silent <= limit))
        return;
    log_error(late ? "process did not leave in time and is killed" : "process is stuck and is killed",
              LOG_STR("for", kinds[kind].purpose), LOG_INT("pid", seat->pid), LOG_INT("silent_ms", silent));
    kill(seat->pid, SIGKILL);
    seat->killed = true;
}

/* ---- what the master calls -------------------------------------------------------------------------------------- */

static void work_on(struct background *background, size_t kind, int64_t now)
{
    struct seat *seat = &background->seats[kind];
    bool wanted = !background->stopping && kinds[kind].wanted(background->settings);
    if (seat_has_process(seat)) {
        background_kill_stuck(background, kind, now);
        return;
    }
    if (!wanted)
        seat->state = SEAT_FREE;
    else if (seat->state == SEAT_FREE || now >= seat->start_at_ms)
        background_start(background, kind, now);
}

void background_work(struct background *background, int64_t now, int64_t resumed_ms)
{
    background->resumed_ms = resumed_ms;
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
        work_on(background, kind, now);
}

int background_wait_ms(const struct background *background, int64_t now, int max_ms)
{
    int64_t wait = max_ms;
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
        const struct seat *seat = &background->seats[kind];
        int64_t due = seat->state == SEAT_WAITING   ? seat->start_at_ms
                      : seat->state == SEAT_LEAVING ? now + LEAVING_LOOK_MS
                                                    : now + max_ms;
        if (due - now < wait)
            wait = due - now;
    }
    return wait > 0 ? (int)wait : 0;
}

void background_reload(struct background *background, const struct settings *settings, int64_t now)
{
    background->settings = settings;
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
        background->seats[kind].quick_deaths = 0;
        if (background->seats[kind].state == SEAT_RUNNING)
            seat_retire(&background->seats[kind], background->settings->shutdown_timeout, now);
    }
}

void background_stop(struct background *background, int64_t now)
{
    background->stopping = true;
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
        if (background->seats[kind].state == SEAT_RUNNING)
            seat_retire(&background->seats[kind], background->settings->shutdown_timeout, now);
}

int background_alive(const struct background *background)
{
    int alive = 0;
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
        alive += seat_has_process(&background->seats[kind]);
    return alive;
}
