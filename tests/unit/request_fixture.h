/* A request made of CGI variables, for tests that need no database. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "../test.h"
#include "fcgi.h"
#include "json.h"
#include "request.h"
#include "router.h"
#include "util.h"

static struct arena *arena;
static struct settings settings;
static struct service service = {.settings = &settings};
static struct request rq;

static int fixture_start(void **state)
{
    (void)state;
    arena = arena_new(16 * MIB);
    json_use_arena(arena);
    return crypto_init() ? 0 : -1;
}

static int fixture_stop(void **state)
{
    (void)state;
    json_use_arena(NULL);
    arena_free(arena);
    return 0;
}

/* VARIABLES("REQUEST_METHOD=GET", ...) */
#define VARIABLES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Makes rq of them, and parses it. */
static inline enum error parse(const char *const *variables)
{
    arena_reset(arena);
    fcgi_request(&rq, arena, &service, variables);
    return request_parse(&rq);
}

static inline enum error parse_target(const char *target)
{
    static char variable[20000];
    assert_true(strlen(target) < sizeof variable - 16);
    memcpy(variable, "REQUEST_URI=", 12);
    memcpy(variable + 12, target, strlen(target) + 1);
    return parse(VARIABLES("REQUEST_METHOD=GET", variable));
}
