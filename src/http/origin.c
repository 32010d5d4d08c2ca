/* Origins compared. */
#include "origin.h"

#include <string.h>
#include <strings.h>

bool origin_is_own(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    return authority && strcasecmp(authority + 3, host) == 0;
}

bool origin_listed(const char *list, const char *origin)
{
    size_t length = strlen(origin);
    while (*list) {
        list += strspn(list, ", ");
        size_t n = strcspn(list, ", ");
        if (n == length && strncasecmp(list, origin, n) == 0)
            return true;
        list += n;
    }
    return false;
}
