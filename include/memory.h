/* Memory: what a process held is not left behind in it, nor in a core dump. */
#pragma once

/* For the whole process and those forked from it: no core dumps (RLIMIT_CORE), and nobody but root may look into its memory or its
 * environment (PR_SET_DUMPABLE 0; prctl(2), proc(5)). free() and realloc() of the program, and of every library in it, wipe what
 * they give back as soon as this file is linked; there is nothing to call for that. */
void memory_protect(void);
