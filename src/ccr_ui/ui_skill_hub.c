/* CCR UI's skill hub: skills of the workspace by the agents that have them. What it calls a package is one of these skills, and installing it
 * gives it to another agent, which then shares it. Nobody else is asked for any. */
#include <ctype.h>
#include <string.h>

#include "json.h"
#include "ui_page.h"

extern const struct kind kind_skill;

enum { PAGE_MAX = 100000, SHOWN = 50, SHOWN_MAX = 200, ADDRESS_BYTES = 4000 };

/* As CCR UI calls them; without a platform there are none of it here. */
static const struct agent {
    const char *id, *name, *platform, *folder;
} agents[] = {
    {"claude-code", "Claude Code", "claude", "~/.claude/skills"},
    {"codex", "Codex", "codex", "~/.agents/skills"},
    {"gemini-cli", "Gemini CLI", "gemini", "~/.gemini/skills"},
    {"qwen", "Qwen Code", "qwen", "~/.qwen/skills"},
    {"iflow", "iFlow CLI", "iflow", "~/.iflow/skills"},
    {"droid", "Droid", "droid", "~/.factory/skills"},
    {"antigravity", "Antigravity", NULL, ""},
    {"opencode", "OpenCode", NULL, ""},
};

static const struct field search_query[] = {
    {"q", FIELD_TEXT, .max = 200},
    {"limit", FIELD_INT, .min = 1, .max = SHOWN_MAX},
    {"page", FIELD_INT, .min = 1, .max = PAGE_MAX},
    {0},
};
static const struct field install_fields[] = {
    {"package", FIELD_TEXT, FIELD_REQUIRED | FIELD_TRIM},
    {"agents", FIELD_STRINGS, FIELD_REQUIRED, .max = 20},
    {"force", FIELD_BOOL},
    {0},
};
static const struct field remove_fields[] = {
    {"skill", FIELD_TEXT, FIELD_REQUIRED, .max = 300},
    {"agents", FIELD_STRINGS, FIELD_REQUIRED, .max = 20},
    {0},
};

static const struct agent *agent_find(const char *id)
{
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++)
        if (strcmp(agents[i].id, id) == 0)
            return &agents[i];
    return NULL;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static enum error list_agents(struct request *rq, struct response *rs)
{
    enum error error = ERR_NONE;
    long long totals[ARRAY_SIZE(agents)] = {0};
    for (size_t i = 0; !error && i < ARRAY_SIZE(agents); i++)
        if (agents[i].platform)
            error = resources_total(&rq->actor, &kind_skill, agents[i].platform, &totals[i]);
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_array(w);
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++) {
        json_open_object(w);
        json_string_member(w, "id", agents[i].id);
        json_string_member(w, "display_name", agents[i].name);
        json_string_member(w, "global_skills_dir", agents[i].folder);
        json_bool_member(w, "detected", agents[i].platform != NULL);
        json_int_member(w, "installed_count", totals[i]);
        json_close_object(w);
    }
    json_close_array(w);
    return respond_end(rs);
}

static enum error list_skills(struct request *rq, struct response *rs)
{
    struct resource *skills = NULL;
    size_t count = 0;
    const struct agent *agent = agent_find(path_arg(rq, "id"));
    if (!agent)
        return fail(&rq->actor, MSG_RESOURCE_UNKNOWN, path_arg(rq, "id"), NULL);
    enum error error =
        agent->platform ? resources_all(&rq->actor, &kind_skill, agent->platform, false, &skills, &count) : ERR_NONE;
    if (error)
        return error;
    struct json_writer *w = respond_begin(rs, 200);
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        struct arena_mark mark = arena_mark(rq->actor.arena);
        json_open_object(w);
        json_string_member(w, "name", skills[i].name);
        json_string_member(w, "description", json_text_at(resource_shown(&skills[i]), "description"));
        json_string_member(w, "skill_dir", arena_printf(rq->actor.arena, "%s/%s", agent->folder, skills[i].name));
        json_close_object(w);
        arena_release(rq->actor.arena, mark);
    }
    json_close_array(w);
    respond_end(rs);
    return rs->body.overflow ? fail(&rq->actor, MSG_FEWER, NULL) : ERR_NONE;
}

/* ---- packages --------------------------------------------------------------------------------------------------- */

/* Where the console shows it. */
static const char *address_of(struct arena *arena, const char *platform, const char *name)
{
    struct buffer text;
    buffer_init_in(&text, arena, ADDRESS_BYTES);
    buffer_printf(&text, "/console/resources/%s/skill/item/", platform);
    for (const char *c = name; *c; c++)
        buffer_printf(&text, isalnum((unsigned char)*c) || strchr("-._~", *c) ? "%c" : "%%%02X", (unsigned char)*c);
    return buffer_string(&text);
}

static void put_package(struct actor *actor, struct json_writer *w, const char *platform, const char *name)
{
    struct arena_mark mark = arena_mark(actor->arena);
    const char *owner = actor->who.workspace_slug;
    json_open_object(w);
    json_string_member(w, "package", arena_printf(actor->arena, "%s/%s@%s", owner, platform, name));
    json_string_member(w, "owner", owner);
    json_string_member(w, "repo", platform);
    json_string_member(w, "skill", name);
    json_string_member(w, "skills_sh_url", address_of(actor->arena, platform, name));
    json_close_object(w);
    arena_release(actor->arena, mark);
}

/* Those that several platforms share stand there once, for the first of these; what changed last goes first. */
#define FOUND                                                                                                          \
    " FROM resources WHERE workspace_id = (SELECT ccr_workspace()) AND kind = 'skill'"                                 \
    " AND (shared IS NULL OR platform = (SELECT s.key FROM json_each(shared) s LIMIT 1))"                              \
    " AND strpos(lower(name || ' ' || coalesce(listed->>'description', '')), lower($1)) > 0"

static enum error list_packages(struct request *rq, struct response *rs)
{
    static const struct statement count = {"ui_hub_count", "SELECT count(*)" FOUND},
                                  select = {"ui_hub",
                                            "SELECT platform, name" FOUND " ORDER BY updated_at DESC, name, platform"
                                            " LIMIT $2::integer OFFSET $3::integer"};
    struct actor *actor = &rq->actor;
    struct row total;
    struct rows rows;
    const char *words = request_query_or(rq, "q", "");
    long long limit = SHOWN, page = 1;
    parse_int(request_query(rq, "limit"), 1, SHOWN_MAX, &limit);
    parse_int(request_query(rq, "page"), 1, PAGE_MAX, &page);
    enum error error = db_one(actor->db, &count, &total, DB_ARGS(words));
    if (!error)
        error = db_all(actor->db, &select, &rows,
                       DB_ARGS(words, number_text(actor, limit), number_text(actor, (page - 1) * limit)));
    if (error)
        return error;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "items");
    json_open_array(w);
    for (int i = 0; i < rows.count; i++) {
        struct row row = rows_at(&rows, i);
        put_package(actor, w, row_text(&row, 0), row_text(&row, 1));
    }
    json_close_array(w);
    json_int_member(w, "total", row_int(&total, 0));
    json_bool_member(w, "cached", false);
    return respond_end(rs);
}

/* ---- giving and taking away ------------------------------------------------------------------------------------- */

static void note(json_t *results, const char *agent, const char *problem)
{
    json_t *result = json_pack("{s:s, s:b}", "agent", agent, "ok", problem == NULL);
    if (problem)
        json_object_set_new(result, "message", json_string(problem));
    json_array_append_new(results, result);
}

/* Of those in the body, that the server has; of the others it is noted that it has not. NULL, or its platform. */
static const char *platform_at(struct request *rq, size_t i, const char **id, json_t *results)
{
    *id = json_string_value(json_array_get(body_value(rq, "agents"), i));
    const struct agent *agent = agent_find(*id);
    if (!agent || !agent->platform)
        note(results, *id, translate(&rq->actor, MSG_AGENT_ELSEWHERE, *id, NULL));
    return agent ? agent->platform : NULL;
}

static enum error respond_results(struct request *rq, struct response *rs, const json_t *results)
{
    struct json_writer *w = respond_object(rs, 200);
    json_raw_member(w, "results", json_text(rq->actor.arena, results));
    return respond_end(rs);
}

static enum error find_skill(struct actor *actor, const char *platform, const char *name, struct resource *r)
{
    enum error error = resource_find(actor, &kind_skill, platform, name, false, r);
    if (error == ERR_NOT_FOUND)
        actor->failure = (struct failure){0};
    return error;
}

/* The skill that a package is: OWNER/REPO@SKILL, as put_package() says it. */
static enum error find_package(struct request *rq, struct resource *r)
{
    const char *package = body_text(rq, "package"), *owner = rq->actor.who.workspace_slug;
    size_t length = strlen(owner);
    const char *repo = strncmp(package, owner, length) == 0 && package[length] == '/' ? &package[length + 1] : NULL;
    const char *at = repo ? strchr(repo, '@') : NULL;
    const char *platform = at ? arena_strndup(rq->actor.arena, repo, (size_t)(at - repo)) : NULL;
    return platform ? find_skill(&rq->actor, platform, at + 1, r) : ERR_NOT_FOUND;
}

/* Makes room on one platform: another skill of the name goes if `force`; else *problem says that it is there. */
static enum error make_room(struct request *rq, const struct resource *r, const char *platform, const char **problem)
{
    struct resource other;
    enum error error = find_skill(&rq->actor, platform, r->name, &other);
    *problem = NULL;
    if (error == ERR_NOT_FOUND || (!error && strcmp(other.id, r->id) == 0))
        return ERR_NONE;
    if (error || !body_bool(rq, "force", false)) {
        *problem = translate(&rq->actor, MSG_RESOURCE_EXISTS, r->name, NULL);
        return error;
    }
    ui_put_path_arg(rq, "platform", platform);
    ui_put_path_arg(rq, "name", r->name);
    return resource_destroy(rq);
}

static enum error install(struct request *rq, struct response *rs)
{
    struct resource r = {.name = ""};
    json_t *results = json_array(), *targets = json_array();
    enum error error = find_package(rq, &r);
    bool ours = !error;
    if (error == ERR_NOT_FOUND)
        error = ERR_NONE;
    for (size_t i = 0; !error && i < json_array_size(body_value(rq, "agents")); i++) {
        const char *id, *problem = NULL, *platform = platform_at(rq, i, &id, results);
        if (!platform)
            continue;
        if (ours)
            error = make_room(rq, &r, platform, &problem);
        else
            problem = translate(&rq->actor, MSG_SKILL_ELSEWHERE, body_text(rq, "package"), NULL);
        note(results, id, problem);
        if (!problem)
            json_array_append_new(targets, json_string(platform));
    }
    if (!error && json_array_size(targets))
        error = ui_share(rq, r.platform, r.name, targets, json_array());
    return error ? error : respond_results(rq, rs, results);
}

static enum error take_away(struct request *rq, struct response *rs)
{
    json_t *results = json_array();
    const char *skill = body_text(rq, "skill");
    for (size_t i = 0; i < json_array_size(body_value(rq, "agents")); i++) {
        const char *id, *platform = platform_at(rq, i, &id, results);
        if (!platform)
            continue;
        ui_put_path_arg(rq, "platform", platform);
        ui_put_path_arg(rq, "name", skill);
        enum error error = resource_destroy(rq);
        if (error && error != ERR_NOT_FOUND)
            return error;
        rq->actor.failure = (struct failure){0};
        note(results, id, error ? translate(&rq->actor, MSG_RESOURCE_UNKNOWN, skill, NULL) : NULL);
    }
    return respond_results(rq, rs, results);
}

/* clang-format off */
const struct route ui_skill_hub_routes[] = {
    {METHOD_GET, "/api/skill_hub/agents", list_agents, ACCESS_VIEWER, .data = &kind_skill},
    {METHOD_GET, "/api/skill_hub/agents/{id}/skills", list_skills, ACCESS_VIEWER, .data = &kind_skill},
    {METHOD_GET, "/api/skill_hub/marketplace/trending", list_packages, ACCESS_VIEWER, .query = search_query, .data = &kind_skill},
    {METHOD_GET, "/api/skill_hub/marketplace/search", list_packages, ACCESS_VIEWER, .query = search_query, .data = &kind_skill},
    {METHOD_POST, "/api/skill_hub/install", install, ACCESS_EDITOR, .body = install_fields, .data = &kind_skill},
    {METHOD_POST, "/api/skill_hub/remove", take_away, ACCESS_EDITOR, .body = remove_fields, .data = &kind_skill},
    {0},
};
