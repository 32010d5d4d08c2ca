/* Addresses of clients, as the limits count them. */
#ifndef CCR_ADDRESS_H
#define CCR_ADDRESS_H

enum { ADDRESS_TEXT = 64 };

/* What counts as one client: an IPv4 address, or the /64 an IPv6 client owns whole. Anything else (a Unix socket's
 * peer, NULL) is copied as it is, cut to fit, or "unknown". */
void address_client(char out[ADDRESS_TEXT], const char *address);

#endif
