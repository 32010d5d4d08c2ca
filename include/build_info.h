/* Which version this is, and when and from what it was built; the latter two are "N/A" outside a git checkout. */
#pragma once

extern const char build_version[];
extern const char build_time[]; /* RFC 3339, the time of the commit: the same source gives the same program */
extern const char build_commit[];
