/* Times as people and programs write them. */
#include <string.h>
#include <time.h>

#include "field.h"
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

/* In a query, a '+' that came unencoded is a blank by now. */
enum error field_time(struct actor *actor, const char *name, const char *text, const char **out)
{
    struct tm tm = {0};
    *out = NULL;
    if (!text)
        return ERR_NONE;
    const char *rest = strlen(text) >= 10 && text[4] == '-' ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    if (rest && real_date(tm) && !*rest) {
        *out = arena_printf(actor->arena, "%s 00:00:00Z", text);
        return ERR_NONE;
    }
    const char *zone =
        rest && real_date(tm) && (*rest == 'T' || *rest == 't') ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
    if (zone && *zone == '.')
        zone += 1 + strspn(zone + 1, "0123456789");
    bool utc = zone && (strcmp(zone, "Z") == 0 || strcmp(zone, "z") == 0);
    if ((!utc && !is_offset(zone)) || tm.tm_sec > 59)
        return fail_field(actor, name, MSG_TIME, NULL);
    char *whole = arena_strdup(actor->arena, text);
    if (*zone == ' ')
        whole[zone - text] = '+';
    *out = whole;
    return ERR_NONE;
}

enum error field_date(struct actor *actor, const char *name, const char *text, const char **out)
{
    enum { DATE = 10 };
    struct tm tm = {0};
    *out = text;
    if (!text)
        return ERR_NONE;
    bool written_out = strlen(text) == DATE && strspn(text, "0123456789-") == DATE && text[4] == '-';
    const char *rest = written_out ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    return rest && !*rest && real_date(tm) ? ERR_NONE : fail_field(actor, name, MSG_DATE, NULL);
}
