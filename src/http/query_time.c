/* Times in a query string. */
#include <string.h>
#include <time.h>

#include "request.h"
#include "util.h"

static bool real_date(struct tm tm)
{
    struct tm same = tm;
    timegm(&same);
    return same.tm_mday == tm.tm_mday && same.tm_mon == tm.tm_mon && tm.tm_year > -1900; /* there is no year 0 */
}

/* "+02:00", as far as PostgreSQL goes. */
static bool is_offset(const char *text)
{
    static const char digits[] = "0123456789";
    return text && (*text == '+' || *text == '-' || *text == ' ') && strlen(text) == 6 && text[3] == ':' &&
           strspn(text + 1, digits) == 2 && strspn(text + 4, digits) == 2 && strcmp(text + 1, "15:59") <= 0 &&
           text[4] <= '5';
}

/* A date, midnight in UTC, or a time of RFC 3339, as PostgreSQL reads it. A '+' that came unencoded is a blank by now. */
enum error query_time(struct request *rq, const char *name, const char **out)
{
    const char *text = request_query_or(rq, name, NULL);
    struct tm tm = {0};
    *out = NULL;
    if (!text)
        return ERR_NONE;
    const char *rest = strlen(text) >= 10 && text[4] == '-' ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    if (rest && real_date(tm) && !*rest) {
        *out = arena_printf(rq->actor.arena, "%s 00:00:00Z", text);
        return ERR_NONE;
    }
    const char *zone =
        rest && real_date(tm) && (*rest == 'T' || *rest == 't') ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
    if (zone && *zone == '.')
        zone += 1 + strspn(zone + 1, "0123456789");
    bool utc = zone && (strcmp(zone, "Z") == 0 || strcmp(zone, "z") == 0);
    if ((!utc && !is_offset(zone)) || tm.tm_sec > 59)
        return fail_field(&rq->actor, name, MSG_TIME, NULL);
    char *whole = arena_strdup(rq->actor.arena, text);
    if (*zone == ' ')
        whole[zone - text] = '+';
    *out = whole;
    return ERR_NONE;
}
