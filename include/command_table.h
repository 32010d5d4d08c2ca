/* The CCR commands that the frontend offers: what they are for and where they run. */
#ifndef CCR_COMMAND_TABLE_H
#define CCR_COMMAND_TABLE_H

enum command_place { RUNS_HERE, RUNS_ON_DEVELOPER_MACHINE };

struct ccr_command {
    const char *name, *description, *usage;
    const char *examples[3];
    enum command_place where;
};

extern const struct ccr_command ccr_commands[]; /* in the frontend's order; ends with name NULL */

const struct ccr_command *ccr_command_find(const char *name); /* NULL when it is none of them */

#endif
