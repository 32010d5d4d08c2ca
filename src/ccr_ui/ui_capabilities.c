/* What can be done on which platform, for the links beside CCR UI's pages: what there is a page for here. */
#include <string.h>

#include "json.h"
#include "ui_page.h"
#include "util.h"

/* As CCR UI calls them, in the order of platforms[]. */
static const char *const names[] = {"claude-code", "codex", "gemini-cli", "qwen", "iflow", "droid"};

/* What is shown at an address that ends like that. */
static const struct {
    const char *name, *address;
} flags[] = {
    {"mcp", "/mcp"},       {"agents", "/agents"},   {"slash_commands", "/slash-commands"},
    {"skills", "/skills"}, {"plugins", "/plugins"}, {"profiles", "/profiles"},
};

/* A page, and resources that it could show. */
static bool has_page(const char *platform, const char *address)
{
    for (const struct ui_page *page = ui_pages; page->path; page++)
        if (strcmp(page->platform, platform) == 0 && strcmp(strrchr(page->path, '/'), address) == 0)
            return kind_is_on(page->kind, platform);
    return false;
}

static enum error get(struct request *rq, struct response *rs)
{
    (void)rq;
    struct json_writer *w = respond_object(rs, 200);
    json_literal_key(w, "platforms");
    json_open_object(w);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        json_key(w, names[i]);
        json_open_object(w);
        json_bool_member(w, "config", i == 0); /* /configs shows those of one platform at a time */
        json_bool_member(w, "auth", strcmp(names[i], "codex") == 0); /* ui_logins.c */
        json_bool_member(w, "usage", false);
        json_bool_member(w, "commands", true);
        for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
            json_key(w, flags[k].name);
            json_put_bool(w, has_page(platforms[i].name, flags[k].address));
        }
        json_close_object(w);
    }
    json_close_object(w);
    return respond_end(rs);
}

const struct route ui_capability_routes[] = {
    {METHOD_GET, "/api/platforms/capabilities", get, ACCESS_USER},
    {0},
};
