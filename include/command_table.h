/* The CCR commands that the frontend offers: what they are for and where they run. */
#ifndef CCR_COMMAND_TABLE_H
#define CCR_COMMAND_TABLE_H

#include <stdbool.h>

enum command_place { RUNS_HERE, RUNS_ON_DEVELOPER_MACHINE };

struct ccr_command {
    const char *name, *description, *usage;
    const char *examples[3];
    enum command_place where;
};

extern const struct ccr_command ccr_commands[]; /* in the frontend's order; ends with name NULL */

const struct ccr_command *ccr_command_find(const char *name);

/* An argument that every command line may have and that tells nothing: a flag, a word that some command knows, a small number, a
 * platform. */
bool ccr_argument_known(const char *text); /* NULL when it is none of them */

#endif
