/* Check-in: providers and accounts as one document, out and in. Both are known by their names; an account finds its provider by the id
 * that the document gives it. */
#include <string.h>

#include "audit.h"
#include "authz.h"
#include "plan.h"
#include "ui_checkin.h"
#include "util.h"

enum { ITEMS_MAX = 1000 };

#define VERSION "1.0"

/* ---- out -------------------------------------------------------------------------------------------------------- */

static const char *const provider_columns[] = {"base_url",       "checkin_path", "balance_path",
                                               "user_info_path", "auth_header",  "auth_prefix"};

static json_t *text_of(const json_t *values, const char *name)
{
    const char *text = json_text_at(values, name);
    return json_string(text ? text : "");
}

static enum error write_out(struct request *rq, const struct resource *r, bool secrets, json_t *items)
{
    json_t *values = resource_shown(r), *item = json_object();
    enum error error = secrets ? resource_values(&rq->actor, r, &values) : ERR_NONE;
    if (error)
        return error;
    json_object_set_new(item, "id", json_string(r->id));
    json_object_set_new(item, "name", json_string(r->name));
    json_object_set_new(item, "enabled", json_boolean(r->enabled));
    if (r->kind == &kind_checkin_account) {
        json_t *cookies = json_object_get(values, "cookies");
        json_object_set_new(item, "provider_id", text_of(values, "provider_id"));
        json_object_set_new(item, "api_user", text_of(values, "api_user"));
        json_object_set_new(item, "cookies_json", json_string(cookies ? json_text(rq->actor.arena, cookies) : "{}"));
        json_object_set_new(item, "cookies_json_encrypted", json_boolean(!secrets));
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(provider_columns); i++)
            json_object_set_new(item, provider_columns[i], text_of(values, provider_columns[i]));
    }
    json_array_append_new(items, item);
    return ERR_NONE;
}

static enum error write_kind(struct request *rq, const struct kind *kind, bool secrets, json_t *items)
{
    struct resource *all;
    size_t count;
    enum error error = resources_all(&rq->actor, kind, CHECKIN_PLATFORM, false, &all, &count);
    for (size_t i = 0; !error && i < count; i++)
        error = write_out(rq, &all[i], secrets, items);
    return error;
}

static const struct field export_fields[] = {
    {"include_plaintext_keys", FIELD_BOOL}, {"providers_only", FIELD_BOOL}, {0}};

static enum error export(struct request *rq, struct response *rs) {
    static const struct statement now = {"checkin_now", "SELECT " SQL_TIME("now()")}; struct row row;
    bool secrets = body_bool(rq, "include_plaintext_keys", false);
    json_t *providers = json_array(), *accounts = json_array();
    enum error error = authorize_export(rq, secrets);
    if (!error) error = write_kind(rq, &kind_checkin_provider, secrets, providers);
    if (!error && !body_bool(rq, "providers_only", false))
        error = write_kind(rq, &kind_checkin_account, secrets, accounts);
    if (!error && secrets)
        error = audit_write(&rq->actor, &(struct audit){.action = "checkin.export", .platform = CHECKIN_PLATFORM});
    if (!error) error = db_one(rq->actor.db, &now, &row, DB_NO_ARGS);
    if (error) return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_string_member(w, "version", VERSION);
    json_string_member(w, "exported_at", row_text(&row, 0));
    json_raw_member(w, "providers", json_text(rq->actor.arena, providers));
    json_raw_member(w, "accounts", json_text(rq->actor.arena, accounts));
    return respond_end(rs);
}

/* ---- in --------------------------------------------------------------------------------------------------------- */

enum { PROVIDERS, ACCOUNTS, PARTS };
static const struct section {
    const struct kind *kind;
    const char *name, *item;
} parts[PARTS] = {{&kind_checkin_provider, "providers", "provider"}, {&kind_checkin_account, "accounts", "account"}};

/* What a document says, and what is there already. */
struct document {
    struct request *rq;
    json_t *items[PARTS], *known[PARTS]; /* known: name -> id */
    json_t *ids;                         /* of providers: id in the document -> id here */
    json_t *warnings;
    long long made[PARTS], met[PARTS], without_cookies;
};

static const struct field import_fields[] = {
    {"data", FIELD_OBJECT, FIELD_REQUIRED},
    {"options", FIELD_OBJECT},
    {0},
};

static enum error learn_known(struct document *d, int part)
{
    struct resource *all;
    size_t count;
    enum error error = resources_all(&d->rq->actor, parts[part].kind, CHECKIN_PLATFORM, false, &all, &count);
    d->known[part] = json_object();
    for (size_t i = 0; !error && i < count; i++)
        json_object_set_new(d->known[part], all[i].name, json_string(all[i].id));
    return error;
}

static bool is_masked(const json_t *item)
{
    return json_is_true(json_object_get(item, "cookies_json_encrypted"));
}

static enum error count_item(struct document *d, int part, size_t at, const json_t *item)
{
    struct actor *actor = &d->rq->actor;
    const char *name = json_text_at(item, "name");
    if (is_blank(name))
        return fail_field(actor, arena_printf(actor->arena, "data.%s[%zu].name", parts[part].name, at), MSG_REQUIRED,
                          NULL);
    bool met = json_object_get(d->known[part], name) != NULL;
    (met ? d->met : d->made)[part]++;
    if (part == ACCOUNTS && !met && is_masked(item)) {
        d->without_cookies++;
        json_array_append_new(d->warnings, json_string(translate(actor, MSG_CHECKIN_REAUTH, name, NULL)));
    }
    return ERR_NONE;
}

static enum error read_part(struct document *d, int part, json_t *data, json_t *options)
{
    size_t i;
    json_t *item;
    const struct field items = {parts[part].name, FIELD_OBJECTS, .max = ITEMS_MAX};
    bool left_out = json_is_true(json_object_get(options, part == PROVIDERS ? "accounts_only" : "providers_only"));
    d->rq->actor.failure.within = "data";
    enum error error = field_check(&d->rq->actor, data, &items);
    d->rq->actor.failure.within = NULL;
    if (!error)
        error = learn_known(d, part);
    d->items[part] = left_out ? NULL : json_object_get(data, parts[part].name);
    json_array_foreach(d->items[part], i, item) if (!error) error = count_item(d, part, i, item);
    return error;
}

static enum error read_document(struct request *rq, struct document *d)
{
    json_t *data = body_value(rq, "data"), *options = body_value(rq, "options");
    *d = (struct document){.rq = rq, .ids = json_object(), .warnings = json_array()};
    if (!text_equal(json_text_at(data, "version"), VERSION))
        return fail_field(&rq->actor, "data.version", MSG_CHECKIN_VERSION, NULL);
    enum error error = read_part(d, PROVIDERS, data, options);
    return error ? error : read_part(d, ACCOUNTS, data, options);
}

static void write_item(struct json_writer *w, const struct document *d, int part, const json_t *item)
{
    const char *name = json_text_at(item, "name"), *id = json_text_at(item, "id"),
               *met = json_text_at(d->known[part], name);
    json_open_object(w);
    json_string_member(w, "item_type", parts[part].item);
    json_string_member(w, "name", name);
    json_string_member(w, "id", id ? id : "");
    json_bool_member(w, "has_conflict", met != NULL);
    if (met)
        json_string_member(w, "conflict_with", name);
    json_close_object(w);
}

static enum error preview(struct request *rq, struct response *rs)
{
    size_t i;
    json_t *item;
    struct document d;
    enum error error = read_document(rq, &d);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_bool_member(w, "version_compatible", true);
    json_string_member(w, "export_version", VERSION);
    json_literal_key(w, "items");
    json_open_array(w);
    for (int part = 0; part < PARTS; part++)
        json_array_foreach(d.items[part], i, item) write_item(w, &d, part, item);
    json_close_array(w);
    json_int_member(w, "new_providers", d.made[PROVIDERS]);
    json_int_member(w, "conflicting_providers", d.met[PROVIDERS]);
    json_int_member(w, "new_accounts", d.made[ACCOUNTS]);
    json_int_member(w, "conflicting_accounts", d.met[ACCOUNTS]);
    json_bool_member(w, "keys_encrypted", d.without_cookies > 0);
    json_raw_member(w, "warnings", json_text(rq->actor.arena, d.warnings));
    return respond_end(rs);
}

/* ---- carried out ------------------------------------------------------------------------------------------------ */

static json_t *provider_values(const json_t *item)
{
    json_t *values = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(provider_columns); i++) {
        json_t *value = json_object_get(item, provider_columns[i]);
        if (value && !text_equal(json_string_value(value), ""))
            json_object_set(values, provider_columns[i], value);
    }
    return values;
}

/* Cookies that the document masks are none: an account that is there keeps its own. */
static json_t *account_values(struct document *d, const json_t *item)
{
    struct json_failure failure;
    json_t *values = json_object(), *user = json_object_get(item, "api_user");
    const char *cookies = json_text_at(item, "cookies_json"), *id = json_text_at(item, "provider_id"),
               *here = id ? json_text_at(d->ids, id) : NULL;
    if (here)
        json_object_set_new(values, "provider_id", json_string(here));
    else
        fail_field(&d->rq->actor, "provider_id", MSG_CHECKIN_PROVIDER, NULL);
    if (user)
        json_object_set(values, "api_user", user);
    if (!cookies || is_masked(item))
        return values;
    json_t *parsed = json_parse(cookies, strlen(cookies), &failure);
    if (json_is_object(parsed))
        json_object_set(values, "cookies", parsed);
    else
        fail_field(&d->rq->actor, "cookies_json", MSG_CHECKIN_COOKIES, NULL);
    return values;
}

static bool names_cookies(const void *source, const char *column)
{
    return strcmp(column, "cookies") != 0 || !is_masked(source);
}

static enum error carry_out(struct document *d, int part, bool overwrite)
{
    size_t i;
    json_t *item;
    struct plan plan;
    struct actor *actor = &d->rq->actor;
    plan_begin(&plan, actor);
    json_array_foreach(d->items[part], i, item)
    {
        const char *name = json_text_at(item, "name"), *known = json_text_at(d->known[part], name);
        struct place place = {.kind = parts[part].kind, .platform = CHECKIN_PLATFORM, .name = name};
        if (known && !overwrite)
            continue;
        actor->failure.within = arena_printf(actor->arena, "data.%s[%zu]", parts[part].name, i);
        struct plan_item *wanted =
            plan_add(&plan, &place, part == PROVIDERS ? provider_values(item) : account_values(d, item),
                     !json_is_false(json_object_get(item, "enabled")), actor->failure.within);
        if (wanted) {
            wanted->names = part == ACCOUNTS ? names_cookies : NULL;
            wanted->source = item;
        }
    }
    actor->failure.within = NULL;
    enum error error = actor->failure.fields ? ERR_VALIDATION : plan_work_out(&plan);
    return error ? error : plan_carry_out(&plan, "import");
}

/* The ids that providers of the document have here now; also when they were left out, for those that are known. */
static enum error learn_ids(struct document *d)
{
    size_t i;
    json_t *item;
    enum error error = learn_known(d, PROVIDERS);
    json_array_foreach(json_object_get(body_value(d->rq, "data"), "providers"), i, item)
    {
        const char *id = json_text_at(item, "id"), *name = json_text_at(item, "name");
        json_t *here = name ? json_object_get(d->known[PROVIDERS], name) : NULL;
        if (id && here)
            json_object_set(d->ids, id, here);
    }
    return error;
}

static enum error import(struct request *rq, struct response *rs)
{
    struct document d;
    bool overwrite = text_equal(json_text_at(body_value(rq, "options"), "conflict_strategy"), "overwrite");
    enum error error = read_document(rq, &d);
    if (!error)
        error = carry_out(&d, PROVIDERS, overwrite);
    if (!error)
        error = learn_ids(&d);
    if (!error)
        error = carry_out(&d, ACCOUNTS, overwrite);
    if (error)
        return error;
    struct json_writer *w = respond_object_bare(rs, 200);
    json_bool_member(w, "success", true);
    json_string_member(w, "message", "Import completed");
    json_int_member(w, "providers_imported", d.made[PROVIDERS] + (overwrite ? d.met[PROVIDERS] : 0));
    json_int_member(w, "providers_skipped", overwrite ? 0 : d.met[PROVIDERS]);
    json_int_member(w, "accounts_imported", d.made[ACCOUNTS] + (overwrite ? d.met[ACCOUNTS] : 0));
    json_int_member(w, "accounts_skipped", overwrite ? 0 : d.met[ACCOUNTS]);
    json_int_member(w, "accounts_need_reauth", d.without_cookies);
    json_raw_member(w, "warnings", json_text(rq->actor.arena, d.warnings));
    return respond_end(rs);
}

const struct route ui_checkin_transfer_routes[] = {
    {METHOD_POST, "/api/checkin/export", export, ACCESS_EDITOR, .body = export_fields, .flags = ROUTE_HEAVY},
    {METHOD_POST, "/api/checkin/import/preview", preview, ACCESS_EDITOR, .body = import_fields,
     .flags = ROUTE_HEAVY | ROUTE_READ_ONLY},
    {METHOD_POST, "/api/checkin/import", import, ACCESS_EDITOR, .body = import_fields, .flags = ROUTE_HEAVY},
    {0},
};
