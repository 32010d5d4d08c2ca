/* Client addresses. */
#include "address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
