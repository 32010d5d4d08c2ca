/* Client addresses. */
#include "address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

void address_client(char out[ADDRESS_TEXT], const char *address)
{
    struct in6_addr ip;
    char network[INET6_ADDRSTRLEN];
    bool whole = !address || inet_pton(AF_INET6, address, &ip) != 1 || IN6_IS_ADDR_V4MAPPED(&ip);
    if (whole) {
        snprintf(out, ADDRESS_TEXT, "%s", address && *address ? address : "unknown");
        return;
    }
    memset(ip.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &ip, network, sizeof network);
    snprintf(out, ADDRESS_TEXT, "%s/64", network);
}

/* ---- networks --------------------------------------------------------------------------------------------------- */

/* Every address as IPv6 (RFC 4291 section 2.5.5.2), so that there is one kind of comparison. */
struct network {
    struct in6_addr address;
    int bits;
};

static bool parse_address(const char *text, struct in6_addr *out, int *width)
{
    struct in_addr v4;
    *width = 128;
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return false;
    *width = 32;
    memset(out, 0, sizeof *out);
    memset(out->s6_addr + 10, 0xff, 2);
    memcpy(out->s6_addr + 12, &v4, 4);
    return true;
}

static bool parse_network(const char *text, struct network *out)
{
    char address[INET6_ADDRSTRLEN];
    int width;
    long long bits;
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!parse_address(address, &out->address, &width))
        return false;
    bits = width;
    if (slash && !parse_int(slash + 1, 0, width, &bits))
        return false;
    out->bits = (int)bits + 128 - width;
    return true;
}

/* Copies the next entry of the list without the spaces around it; NULL at the end. One that is too long to be a network ends
 * in dots, so that what is left of it is none either ("10.0.0.0/0000…08" must not become /0). */
static const char *next_entry(const char *list, char *out, size_t size)
{
    list += strspn(list, " \t,");
    size_t length = strcspn(list, " \t,");
    if (!length)
        return NULL;
    if (length < size)
        snprintf(out, size, "%.*s", (int)length, list);
    else
        snprintf(out, size, "%.*s...", (int)size - 4, list);
    return list + length;
}

bool networks_valid(const char *list, char *bad, unsigned long size)
{
    char entry[ADDRESS_TEXT];
    struct network network;
    while ((list = next_entry(list, entry, sizeof entry)))
        if (!parse_network(entry, &network)) {
            snprintf(bad, size, "%s", entry);
            return false;
        }
    return true;
}

static bool network_holds(const struct network *network, const struct in6_addr *address)
{
    int bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address.s6_addr, address->s6_addr, (size_t)bytes) != 0)
        return false;
    return rest == 0 || ((network->address.s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - rest)) == 0;
}

bool networks_hold(const char *list, const char *address)
{
    char entry[ADDRESS_TEXT];
    struct network network;
    struct in6_addr client;
    int width;
    if (!address || !parse_address(address, &client, &width))
        return false;
    while ((list = next_entry(list, entry, sizeof entry)))
        if (parse_network(entry, &network) && network_holds(&network, &client))
            return true;
    return false;
}

/* ---- the Internet at large -------------------------------------------------------------------------------------- */

/* Where an IPv6 address carries one of IPv4. */
static const struct {
    const char *network;
    size_t at; /* bytes */
} carriers[] = {
    {"::ffff:0:0/96", 12}, /* mapped: RFC 4291 section 2.5.5.2 */
    {"64:ff9b::/96", 12},  /* NAT64: RFC 6052 section 2.1 */
    {"2002::/16", 2},      /* 6to4: RFC 3056 section 2 */
};

static const char special_v4[] = "0.0.0.0/8,"                               /* this host */
                                 "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16," /* private */
                                 "100.64.0.0/10,"               /* a provider's own, behind its address translation */
                                 "127.0.0.0/8,169.254.0.0/16,"  /* loopback, link-local */
                                 "192.0.0.0/24,192.88.99.0/24," /* protocols; relays of 6to4, given up */
                                 "192.0.2.0/24,198.51.100.0/24,203.0.113.0/24," /* documentation */
                                 "198.18.0.0/15,"                               /* measurements */
                                 "224.0.0.0/4,240.0.0.0/4";                     /* multicast, reserved, broadcast */

/* Only 2000::/3 is given out, and of that not these: protocols with Teredo, and documentation. */
static const char special_v6[] = "::/3,4000::/2,8000::/1,2001::/23,2001:db8::/32,3fff::/20";

bool address_is_public(const char *address)
{
    struct in6_addr ip;
    int width;
    char inner[INET_ADDRSTRLEN];
    if (!parse_address(address, &ip, &width))
        return false;
    if (width == 32)
        return !networks_hold(special_v4, address);
    for (size_t i = 0; i < ARRAY_SIZE(carriers); i++)
        if (networks_hold(carriers[i].network, address))
            return inet_ntop(AF_INET, ip.s6_addr + carriers[i].at, inner, sizeof inner) &&
                   !networks_hold(special_v4, inner);
    return !networks_hold(special_v6, address);
}
