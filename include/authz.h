/* Authorization: may whoever sends this request have what the route gives? The route's row says what it takes. */
#pragma once

#include "request.h"

/* Scope and binding of a personal access token, role in the workspace or on the site, confirmed password: whatever
 * rq->route asks for. ERR_AUTHORIZATION with a message that says what is missing. */
enum error authorize(struct request *rq);

/* A secret may leave in clear: to a session whose password was typed within CONFIRM_SECONDS, or to a personal access token
 * with the scope `secrets`. For routes with ROUTE_SECRETS, and for handlers that give secrets only when asked to; the role
 * is judged apart from it. */
enum error authorize_secrets(struct request *rq);
/* What any export of a whole workspace or platform needs: with secrets, the role admin besides. */
enum error authorize_export(struct request *rq, bool secrets);
