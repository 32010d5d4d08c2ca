/* Pool: a small state machine a seat. A seat counts as a member while it has a worker that was not told to leave, or waits
 * for one; the rules below keep the number of members at what pool_target says. */
#include "pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_progress.h"
#include "log.h"
#include "metrics.h"
#include "util.h"
#include "worker.h"

enum {
    YOUNG_MS = 5000,        /* a worker that dies before this age may be one of a crash loop */
    PAUSE_MS = 2000,        /* the master looks once a second at least: when it could not, nor could its workers */
    SILENT_MAX_MS = 10000,  /* an idle worker beats twice a second */
    START_GRACE_MS = 15000, /* beyond CONNECTION_TIMEOUT, for a worker that is starting */
    STUCK_MS = 50,          /* much longer than a request takes that waits for nothing */
    TRANSITION_MS = 10,     /* how often to look while a worker starts: it has no other way to tell */
};

/* How many workers there should be. src/proc/pool_size.c alone decides it. */
static int pool_target(const struct pool *pool)
{
    return pool_size_target(&pool->size, pool->settings->min_connections, pool->settings->max_connections);
}

void pool_init(struct pool *pool, struct scoreboard *board, const struct settings *settings, int listen_fd,
               int master_only_fd)
{
    memset(pool, 0, sizeof *pool);
    pool->board = board;
    pool->settings = settings;
    pool->listen_fd = listen_fd;
    pool->master_only_fd = master_only_fd;
    pool->master = getpid();
    pool->generation = pool->proven = 1;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static struct worker_slot *slot_of(const struct pool *pool, const struct seat *seat)
{
    return &pool->board->slot[seat - pool->seats];
}

static enum worker_stage seat_stage(const struct pool *pool, const struct seat *seat)
{
    return (enum worker_stage)atomic_load(&slot_of(pool, seat)->stage);
}

static int count_state(const struct pool *pool, enum seat_state state)
{
    int count = 0;
    for (int i = 0; i < POOL_SEATS; i++)
        count += pool->seats[i].state == state;
    return count;
}

static int count_members(const struct pool *pool)
{
    return count_state(pool, SEAT_RUNNING) + count_state(pool, SEAT_WAITING);
}

int pool_alive(const struct pool *pool)
{
    return count_state(pool, SEAT_RUNNING) + count_state(pool, SEAT_LEAVING);
}

static bool is_ready(const struct seat *seat)
{
    return seat->state == SEAT_RUNNING && seat->ready;
}

static bool is_idle(const struct pool *pool, const struct seat *seat)
{
    return is_ready(seat) && seat_stage(pool, seat) == STAGE_IDLE;
}

static bool is_disconnected(const struct pool *pool, const struct seat *seat)
{
    return is_ready(seat) && seat_stage(pool, seat) == STAGE_DISCONNECTED;
}

bool pool_complete(const struct pool *pool)
{
    int ready = 0;
    for (int i = 0; i < POOL_SEATS; i++)
        ready += is_ready(&pool->seats[i]);
    return ready >= pool->settings->min_connections;
}

/* A restart with many workers, a burst of requests or the death of all must not storm PostgreSQL with connections. */
static bool may_start(const struct pool *pool)
{
    int starting = 0;
    for (int i = 0; i < POOL_SEATS; i++)
        starting += seat_has_process(&pool->seats[i]) && seat_stage(pool, &pool->seats[i]) == STAGE_STARTING;
    return starting < POOL_STARTING;
}

static struct seat *find_state(struct pool *pool, enum seat_state state)
{
    for (int i = 0; i < POOL_SEATS; i++)
        if (pool->seats[i].state == state)
            return &pool->seats[i];
    return NULL;
}

/* One that has no database, else the worker that is idle longest; when all are busy any one: it finishes its request first. */
static struct seat *find_dispensable(struct pool *pool)
{
    struct seat *busy = NULL, *idle = NULL;
    int64_t oldest = INT64_MAX;
    for (int i = 0; i < POOL_SEATS; i++) {
        struct seat *seat = &pool->seats[i];
        int64_t since = atomic_load(&slot_of(pool, seat)->stage_since_ms);
        if (is_disconnected(pool, seat))
            return seat;
        if (is_idle(pool, seat) && since < oldest) {
            idle = seat;
            oldest = since;
        } else if (is_ready(seat)) {
            busy = seat;
        }
    }
    return idle ? idle : busy;
}

/* A worker of the newest (or an older) generation, ready or not. */
static struct seat *find_running(struct pool *pool, bool newest, bool ready)
{
    for (int i = 0; i < POOL_SEATS; i++) {
        struct seat *seat = &pool->seats[i];
        if (seat->state == SEAT_RUNNING && (seat->generation == pool->generation) == newest && seat->ready == ready)
            return seat;
    }
    return NULL;
}

static struct seat *find_outdated(struct pool *pool)
{
    struct seat *unready = find_running(pool, false, false);
    return unready ? unready : find_running(pool, false, true);
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

static _Noreturn void become_worker(struct pool *pool, struct seat *seat)
{
    const struct worker_setup setup = {
        .settings = pool->settings,
        .board = pool->board,
        .slot = slot_of(pool, seat),
        .listen_fd = pool->listen_fd,
        .master = pool->master,
    };
    close(pool->master_only_fd);
    atomic_store(&setup.slot->pid, getpid());
    _exit(worker_run(&setup)); /* not exit(): what the master registered to do at its end is not ours to do */
}

/* False when there can be no process now; the seat then waits for one. */
static bool start_worker(struct pool *pool, struct seat *seat, int64_t now)
{
    struct worker_slot *slot = slot_of(pool, seat);
    int used = (int)(seat - pool->seats) + 1;
    if (used > atomic_load(&pool->board->used))
        atomic_store(&pool->board->used, used);
    atomic_store(&slot->requests, 0);
    atomic_store(&slot->connected, 0);
    atomic_store(&slot->started_ms, now);
    atomic_store(&slot->heartbeat_ms, now);
    scoreboard_stage(slot, STAGE_STARTING);
    pid_t pid = fork();
    if (pid == 0)
        become_worker(pool, seat);
    if (pid < 0) {
        log_error("cannot start a worker", LOG_STR("reason", strerror(errno)));
        scoreboard_stage(slot, STAGE_EMPTY);
        seat->state = SEAT_WAITING;
        seat->start_at_ms = now + SEAT_DELAY_MAX_MS;
        return false;
    }
    atomic_store(&slot->pid, pid);
    metrics_add(METRIC_POOL_STARTED, 1);
    *seat = (struct seat){.state = SEAT_RUNNING,
                          .pid = pid,
                          .generation = pool->generation,
                          .quick_deaths = seat->quick_deaths,
                          .started_ms = now};
    log_debug("worker started", LOG_INT("worker", pid));
    return true;
}

/* ---- dying ------------------------------------------------------------------------------------------------------ */

static void log_death(const struct seat *seat, int status, int64_t lived, int delay)
{
    log_warn("worker died", LOG_INT("worker", seat->pid),
             LOG_STR("signal", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL),
             LOG_INT("exit_status", WIFEXITED(status) ? WEXITSTATUS(status) : -1), LOG_INT("lived_ms", lived),
             LOG_INT("next_in_ms", delay));
}

static void seat_died(struct pool *pool, struct seat *seat, int status, int64_t now)
{
    struct worker_slot *slot = slot_of(pool, seat);
    int64_t lived = now - seat->started_ms;
    bool told = seat->state == SEAT_LEAVING, orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    atomic_store(&slot->pid, 0);
    in_progress_end(slot);
    scoreboard_stage(slot, STAGE_EMPTY);
    seat->state = SEAT_FREE;
    if (told || pool->stopping)
        return;
    if (!seat->killed) /* which is counted already */
        metrics_add(orderly ? METRIC_POOL_RECYCLED : METRIC_POOL_DIED, 1);
    seat->quick_deaths = orderly || lived >= YOUNG_MS ? 0 : seat->quick_deaths + 1;
    int delay = seat_delay_ms(seat->quick_deaths);
    if (!orderly) {
        atomic_fetch_add(&pool->board->restarts, 1);
        log_death(seat, status, lived, delay);
    }
    if (!orderly && !seat->ready && seat->generation == pool->generation && pool->reload == RELOAD_RUNNING) {
        pool->hold_until_ms = now + SEAT_DELAY_MAX_MS;
        if (pool->trial)
            pool->reload = RELOAD_FAILED;
    }
    if (count_members(pool) < pool_target(pool)) {
        seat->state = SEAT_WAITING;
        seat->start_at_ms = now + delay;
    }
}

bool pool_died(struct pool *pool, pid_t pid, int status, int64_t now)
{
    struct seat *seat = seat_of(pool->seats, POOL_SEATS, pid);
    if (seat)
        seat_died(pool, seat, status, now);
    return seat;
}

/* ---- stuck workers ---------------------------------------------------------------------------------------------- */

/* How long a worker may go without a heartbeat in what it is doing now. It beats before each request, so for a busy one
 * this is the limit of a request. */
static int64_t silence_limit(const struct pool *pool, const struct seat *seat)
{
    switch (seat_stage(pool, seat)) {
    case STAGE_STARTING:
        return pool->settings->connection_timeout * 1000LL + START_GRACE_MS;
    case STAGE_READING:
    case STAGE_HANDLING:
    case STAGE_WRITING:
        return pool->settings->request_timeout * 1000LL;
    default:
        return SILENT_MAX_MS;
    }
}

/* A machine that stood still (a frozen container, a moved virtual machine) leaves every worker silent: they get the time anew. */
static void note_pause(struct pool *pool, int64_t now)
{
    int64_t paused = now - pool->worked_ms;
    if (pool->worked_ms && paused >= PAUSE_MS) {
        log_warn("everything stood still", LOG_INT("for_ms", paused));
        pool->resumed_ms = now;
    }
    pool->worked_ms = now;
}

static int64_t silence(const struct pool *pool, const struct seat *seat, int64_t now)
{
    int64_t heard = atomic_load(&slot_of(pool, seat)->heartbeat_ms);
    return now - (heard > pool->resumed_ms ? heard : pool->resumed_ms);
}

bool pool_fresh(const struct pool *pool, int64_t now)
{
    for (int i = 0; i < POOL_SEATS; i++) {
        const struct seat *seat = &pool->seats[i];
        if (seat_has_process(seat) && silence(pool, seat, now) <= silence_limit(pool, seat))
            return true;
    }
    return false;
}

static void kill_stuck_worker(struct pool *pool, struct seat *seat, int64_t now)
{
    bool late = seat->state == SEAT_LEAVING && now >= seat->leave_by_ms;
    int64_t silent = silence(pool, seat, now);
    if (seat->killed || (!late && silent <= silence_limit(pool, seat)))
        return;
    log_error(late ? "worker did not leave in time and is killed" : "worker is stuck and is killed",
              LOG_INT("worker", seat->pid), LOG_STR("stage", stage_name(seat_stage(pool, seat))),
              LOG_INT("silent_ms", silent));
    kill(seat->pid, SIGKILL);
    seat->killed = true;
    metrics_add(METRIC_POOL_KILLED, 1);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static void note_ready(struct pool *pool, struct seat *seat)
{
    if (seat->ready || seat_stage(pool, seat) <= STAGE_STARTING)
        return;
    seat->ready = true;
    if (seat->generation != pool->generation)
        return;
    pool->trial = false;
    pool->proven = pool->generation;
}

static void start_due(struct pool *pool, int64_t now)
{
    for (int i = 0; i < POOL_SEATS; i++)
        if (pool->seats[i].state == SEAT_WAITING && now >= pool->seats[i].start_at_ms && may_start(pool))
            (void)start_worker(pool, &pool->seats[i], now);
}

/* One more than there should be. One that cannot be started must not count as a member: an old one would go for it. */
static void start_extra(struct pool *pool, int64_t now)
{
    struct seat *seat = find_state(pool, SEAT_FREE);
    if (!seat || now < pool->hold_until_ms || !may_start(pool))
        return;
    seat->quick_deaths = 0;
    if (start_worker(pool, seat, now))
        return;
    seat->state = SEAT_FREE;
    pool->hold_until_ms = now + SEAT_DELAY_MAX_MS;
}

/* One step of replacing workers of older settings: a new one on top, and once it is ready, an old one goes. */
static void replace_outdated(struct pool *pool, int64_t now)
{
    struct seat *outdated = find_outdated(pool);
    if (!outdated) {
        if (pool->reload == RELOAD_RUNNING && pool_complete(pool))
            pool->reload = RELOAD_DONE;
        return;
    }
    if (find_running(pool, true, false))
        return; /* wait until it is ready */
    if (pool->trial)
        start_extra(pool, now);
    else if (count_members(pool) > pool_target(pool)) {
        seat_retire(outdated, pool->settings->shutdown_timeout, now);
        metrics_add(METRIC_POOL_RECYCLED, 1);
    } else if (count_state(pool, SEAT_LEAVING) < POOL_OVERLAP - 1)
        start_extra(pool, now);
}

static bool is_stuck(const struct pool *pool, const struct seat *seat, int64_t now)
{
    return is_ready(seat) && !is_idle(pool, seat) && !is_disconnected(pool, seat) &&
           now - atomic_load(&slot_of(pool, seat)->stage_since_ms) >= STUCK_MS;
}

/* See struct pool_load. Where it cannot be read, the processors count as free. */
static int cpu_since_last_look(struct pool *pool, bool few_idle)
{
    struct cpu_sample last = pool->cpu;
    pool->cpu = (struct cpu_sample){0};
    if (!few_idle)
        return -1;
    return cpu_sample_read(&pool->cpu) ? cpu_permille(&last, &pool->cpu) : 0;
}

static void look_at_load(struct pool *pool, int64_t now)
{
    const struct settings *settings = pool->settings;
    struct pool_load load = {
        .min = settings->min_connections, .max = settings->max_connections, .idle_ms = settings->idle_timeout * 1000LL};
    if (now < pool->size.next_look_ms)
        return;
    load.stuck = atomic_exchange(&pool->board->longest_wait_ms, 0) >= STUCK_MS;
    for (int i = 0; i < POOL_SEATS; i++) {
        load.ready += is_ready(&pool->seats[i]) && !is_disconnected(pool, &pool->seats[i]);
        load.idle += is_idle(pool, &pool->seats[i]);
        load.stuck |= is_stuck(pool, &pool->seats[i], now);
    }
    load.heavy = in_progress_long(pool->board);
    load.cpu_permille = cpu_since_last_look(pool, load.idle < pool_size_spare(pool->size.target));
    int change = pool_size_look(&pool->size, &load, now);
    if (change == 0)
        return;
    log_debug(change > 0 ? "pool grows" : "pool shrinks", LOG_INT("by", abs(change)), LOG_INT("to", pool->size.target),
              LOG_INT("idle", load.idle));
    metrics_add(change > 0 ? METRIC_POOL_GROWN : METRIC_POOL_SHRUNK, (uint64_t)abs(change));
}

/* The one whose end costs least: a worker that does not even run, then an idle one. */
static void drop_one(struct pool *pool, struct seat *waiting, int64_t now)
{
    struct seat *seat = waiting ? waiting : find_dispensable(pool);
    if (waiting)
        waiting->state = SEAT_FREE;
    else if (seat)
        seat_retire(seat, pool->settings->shutdown_timeout, now);
}

static void keep_number(struct pool *pool, int64_t now)
{
    int members = count_members(pool), target = pool_target(pool);
    for (struct seat *seat; members < target && may_start(pool) && (seat = find_state(pool, SEAT_FREE)); members++) {
        seat->quick_deaths = 0;
        (void)start_worker(pool, seat, now);
    }
    for (; members > target && !find_outdated(pool); members--)
        drop_one(pool, find_state(pool, SEAT_WAITING), now);
}

void pool_work(struct pool *pool, int64_t now)
{
    note_pause(pool, now);
    for (int i = 0; i < POOL_SEATS; i++) {
        struct seat *seat = &pool->seats[i];
        if (seat_has_process(seat)) {
            note_ready(pool, seat);
            kill_stuck_worker(pool, seat, now);
        }
    }
    if (pool->stopping)
        return;
    look_at_load(pool, now);
    start_due(pool, now);
    keep_number(pool, now);
    replace_outdated(pool, now);
}

static bool in_transition(const struct pool *pool)
{
    if (pool->reload == RELOAD_RUNNING)
        return true;
    for (int i = 0; i < POOL_SEATS; i++)
        if (pool->seats[i].state == SEAT_RUNNING && !pool->seats[i].ready)
            return true;
    return false;
}

int pool_wait_ms(const struct pool *pool, int64_t now, int max_ms)
{
    if (pool->stopping)
        return max_ms < 50 ? max_ms : 50;
    int64_t wait = in_transition(pool) && max_ms > TRANSITION_MS ? TRANSITION_MS : max_ms;
    if (pool->size.next_look_ms - now < wait)
        wait = pool->size.next_look_ms - now;
    /* Those that are due but may not start yet wait for others that are in transition. */
    bool open = may_start(pool);
    for (int i = 0; i < POOL_SEATS; i++)
        if (open && pool->seats[i].state == SEAT_WAITING && pool->seats[i].start_at_ms - now < wait)
            wait = pool->seats[i].start_at_ms - now;
    return wait > 0 ? (int)wait : 0;
}

/* ---- reload and stop -------------------------------------------------------------------------------------------- */

void pool_reload(struct pool *pool, const struct settings *settings)
{
    pool->settings = settings;
    pool->size.target = pool_target(pool); /* the bounds may be others */
    pool->size.next_look_ms = 0;
    pool->generation++;
    pool->trial = true;
    pool->reload = RELOAD_RUNNING;
    pool->hold_until_ms = 0;
}

void pool_reload_undo(struct pool *pool, const struct settings *settings)
{
    int good = pool->proven;
    pool_reload(pool, settings);
    for (int i = 0; i < POOL_SEATS; i++)
        if (seat_has_process(&pool->seats[i]) && pool->seats[i].generation == good)
            pool->seats[i].generation =
                pool->generation; /* they have the settings we went back to; others are outdated */
    pool->trial = false;
    pool->proven = pool->generation;
    pool->reload = RELOAD_NONE;
}

void pool_stop(struct pool *pool, int64_t now)
{
    pool->stopping = true;
    for (int i = 0; i < POOL_SEATS; i++) {
        struct seat *seat = &pool->seats[i];
        if (seat->state == SEAT_RUNNING)
            seat_retire(seat, pool->settings->shutdown_timeout, now);
        else if (seat->state == SEAT_WAITING)
            seat->state = SEAT_FREE;
    }
}
