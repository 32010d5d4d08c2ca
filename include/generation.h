/* Generations: what this host knows of the number each workspace's row in workspace_generations holds
 * (sql/migrations/0003), in shared memory. PostgreSQL tells every listening worker of a higher one (NOTIFY). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Maps the table. False when it cannot be had. Call before fork; without it nothing is ever known. */
bool generation_init(void);

/* The workspace's generation, when it can be trusted by a process that has been listening since `listening_us`: somebody
 * asked PostgreSQL for it later than that, so that this process was told of every change after it. 0 = ask. */
int64_t generation_known(const char *workspace_id, int64_t listening_us);

/* The highest that was heard of, trusted or not; 0 = none. */
int64_t generation_heard(const char *workspace_id);

/* PostgreSQL was asked at `asked_us` (before the statement was sent) and said `generation`. */
void generation_read(const char *workspace_id, int64_t generation, int64_t asked_us);

/* PostgreSQL said on its own that it is now at least `generation`. */
void generation_raised(const char *workspace_id, int64_t generation);

/* The site's: who may do what. */
#define GENERATION_SITE "00000000-0000-0000-0000-000000000000"
