/* Webhooks: what chats are told, in which words and with which signature, and deliveries that wait until somebody takes them.
 *
 * How each wants it: Slack, "Sending messages using incoming webhooks"; Feishu, "Custom bot usage guide" (sign); DingTalk, "Custom robot
 * security settings" (sign); WeCom, "Message push configuration". The last three answer 200 whatever they think of a message, and say so in a
 * number. */
#include "webhooks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "http_message.h"
#include "json.h"
#include "log.h"
#include "util.h"

enum {
    TRIES_MAX = 12,
    AT_ONCE = 20,
    EACH_MS = 10000,
    TOTAL_MS = 20000,
    ANSWER_MAX = 64 * KIB,
};

/* Longer than all of them may take: whoever claimed a delivery and died leaves it to the next one then. */
#define LEASE "interval '1 minute'"
/* 10 s, then three times as long each time, 6 hours at most. */
#define BACK_OFF "least(interval '10 seconds' * power(3, attempts - 1), interval '6 hours')"

static const struct statement
    webhook_room = {"webhooks_room", "SELECT count(*) FROM webhooks WHERE workspace_id = ccr_workspace()"},
    webhook_insert = {"webhook_insert",
                      "INSERT INTO webhooks (id, workspace_id, name, kind, sealed, shown_url, shown_secret)"
                      " VALUES ($1::uuid, ccr_workspace(), $2, $3, $4, $5, $6)"},
    webhook_stored = {"webhook_stored", "SELECT name, kind, sealed FROM webhooks"
                                        " WHERE id = $1::uuid AND workspace_id = ccr_workspace() FOR UPDATE"},
    webhook_set = {"webhook_set",
                   "UPDATE webhooks SET name = $2, kind = $3, sealed = $4, shown_url = $5, shown_secret = $6,"
                   " revision = revision + 1 WHERE id = $1::uuid AND workspace_id = ccr_workspace()"},
    webhook_delete = {"webhook_delete", "DELETE FROM webhooks WHERE id = $1::uuid AND workspace_id = ccr_workspace()"
                                        " RETURNING name"},
    webhook_find = {"webhook_find",
                    "SELECT w.kind, w.sealed, s.slug, w.name FROM webhooks w JOIN workspaces s"
                    " ON s.id = w.workspace_id WHERE w.id = $1::uuid AND w.workspace_id = ccr_workspace()"},
    claim = {"webhooks_claim",
             "WITH due AS (SELECT id FROM webhook_deliveries WHERE next_at <= now() ORDER BY next_at LIMIT $1::integer"
             " FOR UPDATE SKIP LOCKED)"
             " UPDATE webhook_deliveries d SET attempts = attempts + 1, next_at = now() + " LEASE
             " FROM due, webhooks w, workspaces s WHERE d.id = due.id AND w.id = d.webhook_id AND s.id = d.workspace_id"
             " RETURNING d.id, w.kind, d.workspace_id, w.id, w.sealed, s.slug, d.facts"},
    note_delivered = {"webhooks_delivered",
                      "UPDATE webhook_deliveries SET next_at = NULL, delivered_at = now(), last_error = NULL"
                      " WHERE id = $1::uuid"},
    note_refused = {"webhooks_refused",
                    "UPDATE webhook_deliveries SET last_error = $2,"
                    " next_at = CASE WHEN attempts < $3::integer THEN now() + " BACK_OFF " END,"
                    " given_up_at = CASE WHEN attempts < $3::integer THEN NULL ELSE now() END WHERE id = $1::uuid"
                    " RETURNING given_up_at IS NOT NULL, attempts"};

/* ---- webhooks --------------------------------------------------------------------------------------------------- */

/* Of scheme and host. */
static size_t host_end(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
}

/* The host is shown, so that one can tell them apart; what follows it is as good as a password. */
static const char *shown_url(struct arena *arena, const char *url)
{
    size_t length = host_end(url);
    return arena_printf(arena, "%.*s/%s", (int)length, url, secret_mask(arena, url + length));
}

static const char *shown_secret(struct arena *arena, const char *secret)
{
    return secret ? secret_mask(arena, secret) : NULL;
}

/* What follows the host may be the mask of a path, and that begins with a slash of its own, which some cut off. */
static bool url_is_mask(const char *url)
{
    const char *rest = url + host_end(url);
    return secret_mask_shaped(rest) || (*rest == '/' && secret_mask_shaped(rest + 1));
}

static bool has_secret(const char *kind)
{
    return !text_equal(kind, "slack") && !text_equal(kind, "wecom");
}

static enum error check_webhook(struct actor *actor, const struct webhook *given)
{
    if (given->url && url_is_mask(given->url))
        return fail_field(actor, "url", MSG_MASK, NULL);
    if (given->secret && !has_secret(given->kind))
        return fail_field(actor, "secret", MSG_WEBHOOK_SECRET, NULL);
    if (given->secret && *given->secret && secret_mask_shaped(given->secret))
        return fail_field(actor, "secret", MSG_MASK, NULL);
    return ERR_NONE;
}

static const char *sealed_text(struct actor *actor, const char *id, const struct webhook *webhook)
{
    json_t *secrets = json_pack("{s:s, s:s?}", "url", webhook->url, "secret", webhook->secret);
    const char *sealed =
        secret_seal(actor->keyring, actor->arena, secret_context(actor->arena, actor->who.workspace_id, id),
                    json_text(actor->arena, secrets));
    json_decref(secrets);
    return sealed;
}

static enum error check_webhook_room(struct actor *actor)
{
    struct row row;
    enum error error = db_one(actor->db, &webhook_room, &row, DB_NO_ARGS);
    if (error || row_int(&row, 0) < WEBHOOKS_MAX)
        return error;
    return fail(actor, MSG_WEBHOOKS_MAX, number_text(actor, WEBHOOKS_MAX), NULL);
}

static enum error write_webhook(struct actor *actor, const struct statement *statement, const char *id,
                                const struct webhook *webhook)
{
    enum error error =
        db_run(actor->db, statement,
               DB_ARGS(id, webhook->name, webhook->kind, sealed_text(actor, id, webhook),
                       shown_url(actor->arena, webhook->url), shown_secret(actor->arena, webhook->secret)));
    return error ? fail_as(actor, error, ERR_CONFLICT, MSG_WEBHOOK_TAKEN, webhook->name) : ERR_NONE;
}

enum error webhook_create(struct actor *actor, const struct webhook *given, const char **id)
{
    char new_id[UUID_TEXT];
    enum error error = check_webhook(actor, given);
    if (!error)
        error = check_webhook_room(actor);
    if (error)
        return error;
    random_uuid(new_id);
    error = write_webhook(actor, &webhook_insert, new_id, given);
    *id = arena_strdup(actor->arena, new_id);
    return error ? error : audit_write(actor, &(struct audit){.action = "webhook.create", .target = given->name});
}

static enum error read_webhook(struct actor *actor, const char *id, struct webhook *stored)
{
    enum { NAME, KIND, SEALED };
    struct row row;
    struct arena *arena = actor->arena;
    enum error error = db_one(actor->db, &webhook_stored, &row, DB_ARGS(id));
    if (error)
        return error;
    *stored = (struct webhook){.name = arena_strdup(arena, row_string(&row, NAME)),
                               .kind = arena_strdup(arena, row_string(&row, KIND))};
    const char *text = secret_open(actor->keyring, arena, secret_context(arena, actor->who.workspace_id, id),
                                   row_string(&row, SEALED));
    json_t *secrets = text ? json_stored(text) : NULL;
    if (!secrets) {
        fail(actor, MSG_SECRET_UNREADABLE, stored->name, NULL);
        return ERR_INTERNAL;
    }
    const char *secret = json_text_at(secrets, "secret");
    stored->url = arena_strdup(arena, json_text_at(secrets, "url"));
    stored->secret = secret ? arena_strdup(arena, secret) : NULL;
    json_decref(secrets);
    return ERR_NONE;
}

/* A secret that changed is told of even where what is shown of it did not. */
static void add_change(json_t *changes, const char *key, bool changed, const char *before, const char *after)
{
    if (changed)
        json_array_append_new(changes,
                              json_pack("{s:s, s:s?, s:s?}", "key", key, "old_value", before, "new_value", after));
}

static const char *changes_text(struct arena *arena, const struct webhook *old, const struct webhook *new)
{
    json_t *changes = json_array();
    add_change(changes, "name", !text_equal(old->name, new->name), old->name, new->name);
    add_change(changes, "kind", !text_equal(old->kind, new->kind), old->kind, new->kind);
    add_change(changes, "url", !text_equal(old->url, new->url), shown_url(arena, old->url), shown_url(arena, new->url));
    add_change(changes, "secret", !text_equal(old->secret, new->secret), shown_secret(arena, old->secret),
               shown_secret(arena, new->secret));
    const char *text = json_text(arena, changes);
    json_decref(changes);
    return text;
}

enum error webhook_update(struct actor *actor, const char *id, const struct webhook *given, bool keeps_secret)
{
    struct webhook stored, new = *given;
    struct arena *arena = actor->arena;
    enum error error = read_webhook(actor, id, &stored);
    if (error)
        return error;
    bool keeps_url = !new.url || strcmp(new.url, shown_url(arena, stored.url)) == 0;
    keeps_secret = keeps_secret || (stored.secret && text_equal(new.secret, shown_secret(arena, stored.secret)));
    if (keeps_url)
        new.url = NULL;
    if (keeps_secret)
        new.secret = NULL;
    error = check_webhook(actor, &new);
    if (error)
        return error;
    if (keeps_url)
        new.url = stored.url;
    if (keeps_secret && has_secret(new.kind))
        new.secret = stored.secret;
    error = write_webhook(actor, &webhook_set, id, &new);
    return error ? error
                 : audit_write(actor, &(struct audit){.action = "webhook.update",
                                                      .target = new.name,
                                                      .changes = changes_text(arena, &stored, &new)});
}

enum error webhook_remove(struct actor *actor, const char *id)
{
    struct row row;
    enum error error = db_one(actor->db, &webhook_delete, &row, DB_ARGS(id));
    if (error)
        return error;
    return audit_write(actor, &(struct audit){.action = "webhook.delete", .target = row_string(&row, 0)});
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* Chats of Chinese makers are written to in Chinese. */
static const struct form {
    const char *kind;
    enum language language;
    const char *text, *inner; /* where the text stands: {"<text>": {"<inner>": …}}; inner NULL: {"<text>": …} */
    const char *type;         /* the member that says that it is a text; NULL = none */
    const char *verdict; /* the member of its answer that is 0 where it took the message; NULL = the status says it */
} forms[] = {
    {"plain", LANGUAGE_EN, "text", NULL, NULL, NULL},
    {"slack", LANGUAGE_EN, "text", NULL, NULL, NULL},
    {"feishu", LANGUAGE_ZH, "content", "text", "msg_type", "code"},
    {"dingtalk", LANGUAGE_ZH, "text", "content", "msgtype", "errcode"},
    {"wecom", LANGUAGE_ZH, "text", "content", "msgtype", "errcode"},
};

static const struct form *form_of(const char *kind)
{
    for (size_t i = 1; i < ARRAY_SIZE(forms); i++)
        if (strcmp(forms[i].kind, kind) == 0)
            return &forms[i];
    return &forms[0];
}

/* As people read it; the exact number stands in the facts. */
static const char *dollars(struct arena *arena, const json_t *amount)
{
    return arena_printf(arena, "$%.2f", json_number_value(amount));
}

static enum message what_happened(const json_t *facts)
{
    const json_t *switched = json_object_get(facts, "switched");
    if (switched)
        return json_is_integer(switched) ? MSG_BUDGET_REACHED_SWITCH : MSG_BUDGET_REACHED_NO_SWITCH;
    return json_is_true(json_object_get(facts, "stops")) ? MSG_BUDGET_REACHED_STOP : MSG_BUDGET_REACHED;
}

static const char *in_words(struct arena *arena, enum language language, const char *workspace, const json_t *facts)
{
    enum { DATE = 10 };
    struct actor actor = {.arena = arena, .language = language};
    const char *name = json_text_at(facts, "budget"), *since = json_text_at(facts, "period_start");
    if (!name || !since)
        return translate(&actor, MSG_WEBHOOK_TEST, workspace, NULL);
    const char *level = number_text(&actor, json_integer_value(json_object_get(facts, "level")));
    return translate(&actor, what_happened(facts), name, workspace, level,
                     dollars(arena, json_object_get(facts, "spent")), dollars(arena, json_object_get(facts, "amount")),
                     arena_strndup(arena, since, DATE), json_text_at(facts, "switch_to"),
                     number_text(&actor, json_integer_value(json_object_get(facts, "switched"))), NULL);
}

/* ---- bodies and signatures -------------------------------------------------------------------------------------- */

static const char *hmac_base64(struct arena *arena, const char *key, const char *text)
{
    unsigned char mac[HMAC_BYTES];
    hmac_sha256(mac, key, text);
    return base64_text(arena, mac, sizeof mac);
}

static const char *hmac_hex(struct arena *arena, const char *key, const char *text)
{
    unsigned char mac[HMAC_BYTES];
    char *out = arena_alloc(arena, 2 * sizeof mac + 1);
    hmac_sha256(mac, key, text);
    for (size_t i = 0; i < sizeof mac; i++)
        snprintf(out + 2 * i, 3, "%02x", mac[i]);
    return out;
}

/* Of base64: these three are all that a query takes for something else. */
static const char *query_text(struct arena *arena, const char *base64)
{
    char *out = arena_alloc(arena, 3 * strlen(base64) + 1), *to = out;
    for (; *base64; base64++)
        to +=
            strchr("+/=", *base64) ? snprintf(to, 4, "%%%02X", (unsigned char)*base64) : snprintf(to, 2, "%c", *base64);
    return out;
}

/* Everything that is known, for programs. */
static void add_facts(json_t *body, const struct webhook_message *m, json_t *facts)
{
    json_object_set_new(body, "event", json_string(json_text_at(facts, "budget") ? "budget.reached" : "test"));
    json_object_set_new(body, "delivery", json_string(m->id));
    json_object_set_new(body, "workspace", json_string(m->workspace));
    json_object_set_new(body, "data", json_deep_copy(facts));
}

/* The key is what is signed, and nothing is: so Feishu has it. */
static void sign_feishu(struct arena *arena, json_t *body, const char *secret, long long now)
{
    const char *time = arena_printf(arena, "%lld", now);
    json_object_set_new(body, "timestamp", json_string(time));
    json_object_set_new(body, "sign", json_string(hmac_base64(arena, arena_printf(arena, "%s\n%s", time, secret), "")));
}

static const char *sign_dingtalk(struct arena *arena, const char *url, const char *secret, long long now)
{
    const char *time = arena_printf(arena, "%lld000", now);
    const char *sign = hmac_base64(arena, secret, arena_printf(arena, "%s\n%s", time, secret));
    return arena_printf(arena, "%s%ctimestamp=%s&sign=%s", url, strchr(url, '?') ? '&' : '?', time,
                        query_text(arena, sign));
}

static const char *const *sign_plain(struct arena *arena, const struct webhook_message *m, const char *body,
                                     const char *secret, long long now)
{
    const char **headers = arena_array(arena, 4, sizeof *headers);
    const char *time = arena_printf(arena, "%lld", now);
    headers[0] = arena_printf(arena, "X-CCR-Delivery: %s", m->id);
    headers[1] = arena_printf(arena, "X-CCR-Timestamp: %s", time);
    if (secret)
        headers[2] = arena_printf(arena, "X-CCR-Signature: sha256=%s",
                                  hmac_hex(arena, secret, arena_printf(arena, "%s.%s", time, body)));
    return headers;
}

static void prepare_opened(struct arena *arena, struct webhook_message *m, const json_t *secrets, struct http_ask *ask)
{
    long long now = (long long)time(NULL);
    const struct form *form = form_of(m->kind);
    const char *url = json_text_at(secrets, "url"), *secret = json_text_at(secrets, "secret");
    json_t *facts = json_stored_or(m->facts, json_object()), *body = json_object();
    json_t *text = json_string(in_words(arena, form->language, m->workspace, facts));
    bool is_plain = form == forms;
    if (form->type)
        json_object_set_new(body, form->type, json_string("text"));
    json_object_set_new(body, form->text, form->inner ? json_pack("{s:o}", form->inner, text) : text);
    if (is_plain)
        add_facts(body, m, facts);
    if (secret && strcmp(form->kind, "feishu") == 0)
        sign_feishu(arena, body, secret, now);
    bool by_address = secret && strcmp(form->kind, "dingtalk") == 0;
    *ask = (struct http_ask){.url = by_address ? sign_dingtalk(arena, url, secret, now) : arena_strdup(arena, url),
                             .body = json_text(arena, body),
                             .of = m};
    if (is_plain)
        ask->headers = sign_plain(arena, m, ask->body, secret, now);
    json_decref(body);
    json_decref(facts);
}

bool webhook_prepare(struct arena *arena, const struct keyring *keyring, struct webhook_message *m,
                     struct http_ask *ask)
{
    const char *text = secret_open(keyring, arena, secret_context(arena, m->owner, m->webhook), m->sealed);
    json_t *secrets = text ? json_stored(text) : NULL;
    if (!secrets) {
        m->problem = "what is sealed of it cannot be opened: no key of SECRETS_KEY does";
        return false;
    }
    prepare_opened(arena, m, secrets, ask);
    json_decref(secrets);
    return true;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static const char *verdict_of(const struct http_ask *ask, const struct form *form)
{
    enum { OK = 200, OK_END = 300 };
    struct json_failure failure;
    if (ask->outcome != HTTP_ANSWERED)
        return message_text(http_message(ask->outcome), LANGUAGE_EN);
    if (ask->status < OK || ask->status >= OK_END)
        return "its answer has another status than 2xx";
    if (!form->verdict)
        return NULL;
    json_t *answer = json_parse(ask->text, ask->length, &failure);
    json_t *number = json_object_get(answer, form->verdict);
    bool took = json_is_integer(number) && json_integer_value(number) == 0;
    json_decref(answer);
    return took ? NULL : "it says that it did not take the message";
}

void webhook_sent(struct http_ask *ask, void *context)
{
    struct webhook_message *m = ask->of;
    (void)context;
    m->problem = verdict_of(ask, form_of(m->kind));
    m->delivered = !m->problem;
    m->status = ask->status;
}

enum error webhook_test(struct actor *actor, const char *id, struct webhook_message *out)
{
    enum { KIND, SEALED, SLUG, NAME };
    char delivery[UUID_TEXT];
    struct row row;
    struct arena *arena = actor->arena;
    enum error error = db_one(actor->db, &webhook_find, &row, DB_ARGS(id));
    if (error)
        return error;
    random_uuid(delivery);
    *out = (struct webhook_message){.id = arena_strdup(arena, delivery),
                                    .kind = arena_strdup(arena, row_string(&row, KIND)),
                                    .owner = actor->who.workspace_id,
                                    .webhook = arena_strdup(arena, id),
                                    .sealed = arena_strdup(arena, row_string(&row, SEALED)),
                                    .workspace = arena_strdup(arena, row_string(&row, SLUG)),
                                    .facts = "{}"};
    return audit_write(actor, &(struct audit){.action = "webhook.test", .target = row_string(&row, NAME)});
}

/* ---- the job ---------------------------------------------------------------------------------------------------- */

struct round {
    struct webhook_message messages[AT_ONCE];
    size_t count;
};

static const char *kept(struct arena *arena, const struct row *row, int column)
{
    return arena_strdup(arena, row_string(row, column));
}

static enum error claim_due(struct house *house, struct round *round)
{
    enum { ID, KIND, OWNER, WEBHOOK, SEALED, SLUG, FACTS };
    struct rows rows;
    char limit[DECIMAL_TEXT];
    enum error error = db_all(house->db, &claim, &rows, DB_ARGS(decimal(limit, AT_ONCE)));
    if (error)
        return error;
    round->count = (size_t)rows.count;
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        round->messages[i] = (struct webhook_message){.id = kept(house->arena, &row, ID),
                                                      .kind = kept(house->arena, &row, KIND),
                                                      .owner = kept(house->arena, &row, OWNER),
                                                      .webhook = kept(house->arena, &row, WEBHOOK),
                                                      .sealed = kept(house->arena, &row, SEALED),
                                                      .workspace = kept(house->arena, &row, SLUG),
                                                      .facts = kept(house->arena, &row, FACTS)};
    }
    return ERR_NONE;
}

/* A transaction of its own: who dies with a claim leaves it until its time is over. */
enum error webhooks_deliver(struct house *house)
{
    struct http_ask asks[AT_ONCE];
    size_t count = 0;
    struct round *round = arena_alloc(house->arena, sizeof *round);
    round->count = 0;
    enum error error = claim_due(house, round);
    if (error)
        return error;
    house->prepared = round;
    house->idle = !round->count;
    for (size_t i = 0; i < round->count; i++)
        count += webhook_prepare(house->arena, house->keyring, &round->messages[i], &asks[count]);
    const struct http_way way = {.allow = house->settings->outbound_allow,
                                 .each_ms = EACH_MS,
                                 .total_ms = TOTAL_MS,
                                 .body_max = ANSWER_MAX,
                                 .taken = webhook_sent,
                                 .goes_on = house->goes_on,
                                 .context = house->context};
    if (count)
        http_ask_all(house->arena, asks, count, &way);
    return ERR_NONE;
}

static enum error note_message(struct house *house, const struct webhook_message *m)
{
    enum { GIVEN_UP, ATTEMPTS };
    struct row row;
    char tries[DECIMAL_TEXT];
    if (m->delivered)
        return db_run(house->db, &note_delivered, DB_ARGS(m->id));
    const char *problem = m->status ? arena_printf(house->arena, "%s (%d)", m->problem, m->status) : m->problem;
    enum error error = db_one(house->db, &note_refused, &row, DB_ARGS(m->id, problem, decimal(tries, TRIES_MAX)));
    if (error)
        return error == ERR_NOT_FOUND ? ERR_NONE : error; /* its webhook is gone */
    log_warn(row_bool(&row, GIVEN_UP) ? "a webhook is given up" : "a webhook was not taken, it is tried again",
             LOG_STR("delivery", m->id), LOG_STR("webhook", m->webhook), LOG_STR("reason", problem),
             LOG_INT("attempt", row_int(&row, ATTEMPTS)));
    return ERR_NONE;
}

enum error webhooks_note(struct house *house, const struct house_job *job, struct house_run *run, bool *more)
{
    const struct round *round = house->prepared;
    enum error error = ERR_NONE;
    (void)job;
    for (size_t i = 0; !error && i < round->count; i++) {
        error = note_message(house, &round->messages[i]);
        run->rows += round->messages[i].delivered;
    }
    *more = round->count == AT_ONCE;
    return error;
}
