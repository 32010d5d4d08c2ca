/* Redis URLs: redis://[[user][:password]@]host[:port][/database] (IANA URI scheme "redis") and unix:/path. */
#pragma once

#include <stdbool.h>

struct redis_address {
    char path[108]; /* of a Unix socket; "" = TCP */
    char host[256];
    int port;
    char user[128], password[512]; /* percent-decoded; "" = none */
    int database;
};

/* False when it is no such URL, or a part is longer than its member. */
bool redis_url_parse(const char *url, struct redis_address *out);
