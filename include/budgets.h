/* Budgets: how much something may cost in a period, who is told when so much of it is spent, and what is no longer handed out then.
 * sql/migrations/0037_budgets.up.sql has the tables, and what is added up. */
#pragma once

#include "actor.h"
#include "housekeeping.h"

enum { BUDGETS_MAX = 100, BUDGET_LEVELS_MAX = 10, BUDGET_LEVEL_MAX = 1000 /* percent */ };

/* Tells of every level that the actor's workspace has reached and nobody was told of. To be called in the transaction that wrote calls, behind
 * them: the lock that it holds makes each writer see what all before it wrote. Without budgets it costs a look into an index. */
enum error budgets_check(struct actor *actor);

/* The same for everybody, for what is no call: prices that changed. */
house_batch budgets_check_all;

/* As a budget is to be; texts may be NULL where they filter nothing. */
struct budget {
    const char *name;
    const char *const *users; /* names of members, `user_count` of them; none = everybody */
    size_t user_count;
    const char *platform, *provider, *profile, *model, *project;
    const char *period;    /* day, week, month or total */
    const char *starts;    /* a date, of a total only */
    const char *amount;    /* dollars, in decimal */
    const char *levels;    /* percents in rising order, "{50,80,100}" */
    const char *action;    /* none, stop or switch */
    const char *switch_to; /* of switch only: a profile of the platform */
    bool enabled;
};

/* Writes a new one (id NULL; *id is its then) or another in the place of one that is there, with an audit row, and tells at once of what it
 * has reached. Each waits for those who write calls. ERR_VALIDATION names the field, ERR_CONFLICT: the name is taken, or there are
 * BUDGETS_MAX; ERR_NOT_FOUND. */
enum error budget_write(struct actor *actor, const struct budget *budget, const char **id);
enum error budget_remove(struct actor *actor, const char *id);

/* Budgets that switch to a profile of the platform follow it to its new name. */
enum error budgets_profile_renamed(struct actor *actor, const char *platform, const char *old_name, const char *name);

/* ERR_AUTHORIZATION, and which budget says so until when, where one with the action `stop` is used up that counts what the actor spends with the
 * profile: its secrets are not to be given out. platform NULL: of any; name NULL: of one profile of the platform or more. */
enum error budgets_allow_secrets(struct actor *actor, const char *platform, const char *name);
