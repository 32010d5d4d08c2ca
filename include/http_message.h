/* What came of asking another server, in words. Apart from the client, as the system's header of sockets has MSG_ names of its own. */
#pragma once

#include "error.h"
#include "http_client.h"

/* Neither address nor anything of the answer. MSG_NONE for HTTP_ANSWERED. */
enum message http_message(enum http_outcome outcome);
