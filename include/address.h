/* Addresses of clients: as the limits count them, and as lists of networks name them. */
#pragma once

#include <stdbool.h>

enum { ADDRESS_TEXT = 64 };

/* What counts as one client: an IPv4 address, or the /64 an IPv6 client owns whole. Anything else (a Unix socket's
 * peer, NULL) is copied as it is, cut to fit, or "unknown". */
void address_client(char out[ADDRESS_TEXT], const char *address);

/* True when a comma list of addresses and networks ("10.0.0.0/8, ::1") makes sense; else bad (size bytes) has the first
 * entry that does not. The empty list does. */
bool networks_valid(const char *list, char *bad, unsigned long size);
/* True when one of them holds `address`. IPv4 addresses written as IPv6 (::ffff:10.0.0.1) count as IPv4. */
bool networks_hold(const char *list, const char *address);

/* True for an address of the Internet at large: not this machine, not a network of somebody's own, not one that stands for many, for
 * documentation or for nothing (RFC 6890, and IANA's two registries of special addresses). One that carries an IPv4 address (RFC 4291's
 * mapped ones, 6to4, NAT64) is what that is. False for what is no address. */
bool address_is_public(const char *address);
