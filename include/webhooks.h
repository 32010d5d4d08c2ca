/* Webhooks: addresses of a workspace that are told of its budgets, in the words of the chat that they belong to. */
#pragma once

#include "actor.h"
#include "housekeeping.h"
#include "http_client.h"

enum { WEBHOOKS_MAX = 20 };

/* "plain|slack|feishu|dingtalk|wecom" */
#define WEBHOOK_KINDS "plain|slack|feishu|dingtalk|wecom"

/* url and secret are sealed; the secret (NULL = none) signs. */
struct webhook {
    const char *name, *kind;
    const char *url, *secret;
};

/* A new one. *id is the arena's. ERR_VALIDATION: the kind has no secret, or one is a mask; ERR_CONFLICT: the name is taken, or there are
 * WEBHOOKS_MAX. */
enum error webhook_create(struct actor *actor, const struct webhook *given, const char **id);
/* Changes it to this; what waits is told there. url NULL, or exactly what is shown of the stored one: it stays. So does the secret where
 * `keeps_secret`, or where it is exactly what is shown of it, unless the kind has none. Errors as of webhook_create, ERR_NOT_FOUND, and
 * ERR_INTERNAL: what is stored cannot be opened. */
enum error webhook_update(struct actor *actor, const char *id, const struct webhook *given, bool keeps_secret);
enum error webhook_remove(struct actor *actor, const char *id);

/* One message to one webhook. */
struct webhook_message {
    const char *id; /* of the delivery: who gets the same twice can tell by it */
    const char *kind;
    const char *owner, *webhook; /* ids of the workspace and the webhook */
    const char *sealed;
    const char *workspace; /* its slug */
    const char *facts;     /* JSON */
    /* Filled in by webhook_sent. */
    bool delivered;
    const char *problem; /* in English; holds nothing of the address */
    int status;          /* of its answer; 0 = none came */
};

/* What to ask for it; all of it is the arena's. False: what is sealed cannot be opened. */
bool webhook_prepare(struct arena *arena, const struct keyring *keyring, struct webhook_message *message,
                     struct http_ask *ask);
/* http_way.taken for such an ask, whose `of` is the message: fills in what came of it. The way's context is not looked at. */
void webhook_sent(struct http_ask *ask, void *context);

/* A message that says that it is a test, to be sent at once. ERR_NOT_FOUND. */
enum error webhook_test(struct actor *actor, const char *id, struct webhook_message *out);

/* The job that delivers what waits: claims, asks outside of the transaction, and writes what came of it. */
house_prepare webhooks_deliver;
house_batch webhooks_note;
