/* Build facts, given by the Makefile to this file alone so that a commit or another version rebuilds only it. */
#include "build_info.h"

#ifndef CCR_COMMIT
#define CCR_COMMIT "N/A"
#endif
#ifndef CCR_COMMIT_TIME
#define CCR_COMMIT_TIME "N/A"
#endif

const char build_version[] = CCR_VERSION;
const char build_time[] = CCR_COMMIT_TIME;
const char build_commit[] = CCR_COMMIT;
