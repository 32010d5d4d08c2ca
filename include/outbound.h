/* Outbound: asking other servers while somebody waits for the answer. For handlers of routes with ROUTE_OUTBOUND. */
#pragma once

#include "http_message.h"
#include "request.h"

/* How a request may ask: addresses as OUTBOUND_ALLOW says, 10 s each, half a minute for all, 256 KiB of an answer. It ends when whoever
 * waits for it hangs up, and says meanwhile that this worker lives. `context` is the request; `taken` is the caller's to set. */
struct http_way outbound_way(struct request *rq);
