/* Housekeeper: the process that does the housekeeping (housekeeping.h), or stands by while another host's does it. It goes round,
 * does what is due, and waits; nobody waits for it. */
#include "background.h"

#include <sysexits.h>

#include "child.h"
#include "housekeeping.h"
#include "log.h"
#include "util.h"

enum {
    TICK_MS = 500,          /* the longest nap: a heartbeat, and a look at what the server sent */
    RECONNECT_TICK_MS = 50, /* without a database: each tick carries the attempt on by a step */
};

struct housekeeper {
    const struct background_setup *setup;
    struct house house;
    sigset_t while_waiting;
};

static void housekeeper_beat(struct housekeeper *h, enum worker_stage stage)
{
    struct worker_slot *slot = h->setup->slot;
    atomic_store_explicit(&slot->heartbeat_ms, monotonic_ms(), memory_order_relaxed);
    atomic_store_explicit(&slot->connected, db_fd(h->house.db) >= 0, memory_order_relaxed);
    if (atomic_load(&slot->stage) != (int)stage)
        scoreboard_stage(slot, stage);
}

/* False when told to leave meanwhile. */
static bool housekeeper_rest(struct housekeeper *h, int milliseconds)
{
    for (int64_t until = monotonic_ms() + milliseconds, left = milliseconds; left > 0; left = until - monotonic_ms()) {
        housekeeper_beat(h, STAGE_IDLE);
        child_nap(&h->while_waiting, left < TICK_MS ? (int)left : TICK_MS);
        child_take_signals(&h->while_waiting);
        if (child_must_leave())
            return false;
        db_poll(h->house.db); /* generations go to the shared table, as with any connection */
    }
    return !child_must_leave();
}

/* For a job that waits for another server. */
static bool housekeeper_goes_on(void *context)
{
    struct housekeeper *h = context;
    housekeeper_beat(h, STAGE_HANDLING);
    child_take_signals(&h->while_waiting);
    return !child_must_leave();
}

static void go_round(struct housekeeper *h)
{
    struct db *db = h->house.db;
    for (int pause_ms = 1; housekeeper_rest(h, pause_ms);) {
        if (db_expired(db))
            db_renew(db); /* and with it goes the lock; whoever is first takes it */
        if (!db_ready(db, 0)) {
            pause_ms = RECONNECT_TICK_MS;
            continue;
        }
        housekeeper_beat(h, STAGE_HANDLING);
        pause_ms = house_step(&h->house);
        pause_ms = pause_ms > 0 ? pause_ms : 1;
    }
}

int housekeeper_run(const struct background_setup *setup)
{
    static struct housekeeper housekeeper; /* as in worker.c */
    struct housekeeper *h = &housekeeper;
    char problem[256];
    h->setup = setup;
    if (!child_begin(setup->master, setup->settings->memory_limit, &h->while_waiting))
        return 0;
    struct keyring *keyring = keyring_new(setup->settings->secrets_key, problem, sizeof problem);
    if (!keyring) {
        log_error("SECRETS_KEY cannot be used", LOG_STR("reason", problem));
        return EX_CONFIG;
    }
    struct db *db = db_new(setup->settings);
    db_require_tenant_role(db);
    db_share(db, setup->board, setup->slot);
    house_init(&h->house, setup->settings, db, keyring, setup->board);
    h->house.goes_on = housekeeper_goes_on;
    h->house.context = h;
    go_round(h);
    scoreboard_stage(setup->slot, STAGE_STOPPING);
    house_end(&h->house);
    db_free(db);
    keyring_free(keyring);
    return 0;
}
