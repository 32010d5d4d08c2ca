/* What came of asking another server, in words. */
#include "http_message.h"

enum message http_message(enum http_outcome outcome)
{
    static const enum message messages[HTTP_OUTCOMES] = {
        [HTTP_REFUSED] = MSG_HTTP_REFUSED,       [HTTP_BAD_URL] = MSG_HTTP_BAD_URL,
        [HTTP_NO_NAME] = MSG_HTTP_NO_NAME,       [HTTP_NO_CONNECTION] = MSG_HTTP_NO_CONNECTION,
        [HTTP_TOO_LATE] = MSG_HTTP_TOO_LATE,     [HTTP_TOO_LARGE] = MSG_HTTP_TOO_LARGE,
        [HTTP_TOO_FAR] = MSG_HTTP_TOO_FAR,       [HTTP_NO_CERTIFICATE] = MSG_HTTP_NO_CERTIFICATE,
        [HTTP_BAD_ANSWER] = MSG_HTTP_BAD_ANSWER, [HTTP_NOT_ASKED] = MSG_HTTP_NOT_ASKED,
    };
    return messages[outcome];
}
