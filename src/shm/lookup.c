/* Lookups of host names, and the memory of good answers. */
#include "lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared_lock.h"
#include "util.h"

enum {
    NAME_MAX_LENGTH = 253, /* RFC 1035 section 2.3.4, as text */
    REMEMBERED = 16,
    NAP_MS = 2,
    SILENT_MS =
        10000, /* for so long after a name server was silent nobody waits for it, when there is an answer already */
};

struct remembered {
    char name[NAME_MAX_LENGTH + 1];
    struct addresses addresses;
    int64_t silent_until_ms; /* monotonic clock */
};

struct memory {
    struct shared_lock lock;
    size_t next; /* to be overwritten when there is no room */
    struct remembered names[REMEMBERED];
};

static struct memory *memory;

struct lookup {
    char name[NAME_MAX_LENGTH + 1];
    struct addrinfo hints;
    struct gaicb question; /* its thread's until gai_error says otherwise */
    bool asked;            /* question is under way, or its answer was not taken yet */
    bool done;             /* the last question was answered, by `failure` or `found` */
    int failure;           /* EAI_… or 0 */
    struct addresses found;
    int64_t asked_ms;
    int patience_ms;
    char problem[NAME_MAX_LENGTH + 160];
};

/* ---- memory ----------------------------------------------------------------------------------------------------- */

void lookup_init(void)
{
    if (memory)
        return;
    memory = shared_memory(sizeof *memory);
    if (memory && !shared_lock_init(&memory->lock))
        memory = NULL;
}

static bool lock_memory(void)
{
    enum shared_lock_result result = memory ? shared_lock_take(&memory->lock) : SHARED_LOCK_BUSY;
    if (result == SHARED_LOCK_DIRTY) {
        memset(memory->names, 0, sizeof memory->names);
        memory->next = 0;
    }
    return result != SHARED_LOCK_BUSY;
}

/* Its row, or with `make` the one that it may have. */
static struct remembered *row_of(const char *name, bool make)
{
    struct remembered *free_row = NULL;
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (strcmp(memory->names[i].name, name) == 0)
            return &memory->names[i];
        if (!free_row && !memory->names[i].name[0])
            free_row = &memory->names[i];
    }
    if (!make)
        return NULL;
    struct remembered *row = free_row ? free_row : &memory->names[memory->next++ % REMEMBERED];
    *row = (struct remembered){0};
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

static void remember(const char *name, const struct addresses *addresses)
{
    if (!lock_memory())
        return;
    struct remembered *row = row_of(name, true);
    row->addresses = *addresses;
    row->silent_until_ms = 0;
    shared_lock_release(&memory->lock);
}

/* The last good answer. False without one, and, when only a known silence counts, while there is none. */
static bool recall(const char *name, bool only_in_silence, struct addresses *out)
{
    if (!lock_memory())
        return false;
    struct remembered *row = row_of(name, false);
    bool found = row && row->addresses.count && (!only_in_silence || monotonic_ms() < row->silent_until_ms);
    if (found)
        *out = row->addresses;
    shared_lock_release(&memory->lock);
    return found;
}

static void note_silence(const char *name)
{
    if (!lock_memory())
        return;
    struct remembered *row = row_of(name, false);
    if (row)
        row->silent_until_ms = monotonic_ms() + SILENT_MS;
    shared_lock_release(&memory->lock);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

bool lookup_needed(const char *host)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char bare[INET6_ADDRSTRLEN] = "";
    if (!host || !*host || *host == '/' || *host == '@')
        return false;
    size_t length = strcspn(host, "%"); /* of fe80::1%eth0 */
    if (length < sizeof bare)
        memcpy(bare, host, length);
    return inet_pton(AF_INET, host, binary) != 1 && inet_pton(AF_INET6, bare, binary) != 1;
}

struct lookup *lookup_new(const char *name)
{
    size_t length = strlen(name);
    struct lookup *lookup = length <= NAME_MAX_LENGTH ? calloc(1, sizeof *lookup) : NULL;
    if (!lookup)
        return NULL;
    lookup_init();
    memcpy(lookup->name, name, length + 1);
    lookup->hints.ai_socktype = SOCK_STREAM; /* as libpq asks */
    return lookup;
}

/* Takes addresses as text, numeric ones in, numeric ones out: that asks nobody. */
static void take_addresses(struct addresses *out, const struct addrinfo *list)
{
    out->count = 0;
    for (; list && out->count < LOOKUP_ADDRESSES; list = list->ai_next)
        if (getnameinfo(list->ai_addr, list->ai_addrlen, out->text[out->count], ADDRESS_TEXT, NULL, 0,
                        NI_NUMERICHOST) == 0)
            out->count++;
}

/* Takes the answer when there is one. */
static void harvest(struct lookup *lookup)
{
    int state = lookup->asked ? gai_error(&lookup->question) : EAI_INPROGRESS;
    if (state == EAI_INPROGRESS)
        return;
    lookup->asked = false;
    lookup->done = true;
    lookup->failure = state;
    if (state != 0)
        return;
    take_addresses(&lookup->found, lookup->question.ar_result);
    freeaddrinfo(lookup->question.ar_result);
    lookup->question.ar_result = NULL;
    if (lookup->found.count)
        remember(lookup->name, &lookup->found);
    else
        lookup->failure = EAI_NONAME;
}

void lookup_ask(struct lookup *lookup, int patience_ms)
{
    harvest(lookup);
    lookup->asked_ms = monotonic_ms();
    lookup->patience_ms = patience_ms;
    if (lookup->asked)
        return;
    lookup->done = false;
    lookup->question = (struct gaicb){.ar_name = lookup->name, .ar_request = &lookup->hints};
    int failure = getaddrinfo_a(GAI_NOWAIT, (struct gaicb *[]){&lookup->question}, 1, NULL);
    lookup->asked = failure == 0;
    lookup->done = failure != 0; /* no thread, no memory */
    lookup->failure = failure;
}

/* The name server was heard, and knows of no address. */
static bool is_no(int failure)
{
    return failure == EAI_NONAME || failure == EAI_NODATA || failure == EAI_ADDRFAMILY;
}

enum lookup_state lookup_look(struct lookup *lookup, struct addresses *out)
{
    harvest(lookup);
    if (lookup->done && lookup->failure == 0) {
        *out = lookup->found;
        return LOOKUP_FOUND;
    }
    if (lookup->done)
        return !is_no(lookup->failure) && recall(lookup->name, false, out) ? LOOKUP_FOUND : LOOKUP_FAILED;
    bool late = monotonic_ms() - lookup->asked_ms >= lookup->patience_ms;
    if (late)
        note_silence(lookup->name);
    return recall(lookup->name, !late, out) ? LOOKUP_FOUND : LOOKUP_PENDING;
}

static bool is_answered(struct lookup *lookup)
{
    return lookup && lookup->asked && gai_error(&lookup->question) != EAI_INPROGRESS;
}

/* gai_suspend would leave what it waits with, which lies on its stack, to a thread that is just answering when the wait ends for another
 * reason (glibc 2.36): that thread then writes there. So it is looked again and again; whoever waits here waits for a network. */
void lookup_wait(struct lookup *const *lookups, size_t count, int64_t until_ms)
{
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    size_t waiting = 0;
    int64_t now = monotonic_ms();
    for (size_t i = 0; i < count; i++) {
        const struct lookup *lookup = lookups[i];
        if (!lookup || !lookup->asked)
            continue;
        waiting++;
        int64_t end = lookup->asked_ms + lookup->patience_ms;
        if (end > now && end < until_ms)
            until_ms = end; /* from when on the remembered answer will do */
    }
    while (waiting && monotonic_ms() < until_ms) {
        for (size_t i = 0; i < count; i++)
            if (is_answered(lookups[i]))
                return;
        nanosleep(&nap, NULL);
    }
}

const char *lookup_problem(struct lookup *lookup)
{
    const char *why = lookup->done ? gai_strerror(lookup->failure) : "the name server does not answer";
    snprintf(lookup->problem, sizeof lookup->problem, "could not translate host name \"%s\" to address: %s",
             lookup->name, why);
    return lookup->problem;
}

void lookup_free(struct lookup *lookup)
{
    if (!lookup)
        return;
    harvest(lookup);
    if (lookup->asked && gai_cancel(&lookup->question) != EAI_CANCELED &&
        gai_error(&lookup->question) == EAI_INPROGRESS)
        return; /* its thread still writes there, and ends when the name server's time is over */
    if (lookup->question.ar_result)
        freeaddrinfo(lookup->question.ar_result);
    free(lookup);
}
