/* Router, with tables of its own instead of the program's. */
#include "request_fixture.h"

static enum error answer(struct request *request, struct response *response)
{
    (void)request, (void)response;
    return ERR_NONE;
}

static const struct field no_fields[] = {{0}};

/* {name} stands before the fixed segments on purpose. */
static const struct route things[] = {
    {METHOD_GET, "/api/things/{name}", answer, ACCESS_VIEWER},
    {METHOD_DELETE, "/api/things/{name}", answer, ACCESS_EDITOR},
    {METHOD_GET, "/api/things/current", answer, ACCESS_VIEWER},
    {METHOD_POST, "/api/things", answer, ACCESS_EDITOR},
    {METHOD_GET, "/api/things", answer, ACCESS_VIEWER},
    {METHOD_POST, "/api/things/{name}/parts/{part}", answer, ACCESS_EDITOR},
    {METHOD_GET, "/api/{kind}/about", answer, ACCESS_VIEWER},
    {METHOD_GET, "/api/things/~all", answer, ACCESS_VIEWER}, /* '~' sorts behind '{' */
    {METHOD_GET, "/health", answer, ACCESS_PUBLIC},
    {0},
};
static struct route candidate[3]; /* what a test wants to see refused */
const struct route *const route_tables[] = {things, candidate, NULL};

void routes_make(void)
{
}

static int set_up(void **state)
{
    char problem[256];
    (void)state;
    memset(candidate, 0, sizeof candidate);
    return router_init(problem, sizeof problem) ? 0 : -1;
}

static enum error find(const char *method, const char *target)
{
    assert_int_equal(parse_target(target), ERR_NONE);
    for (int m = METHOD_GET; m < METHOD_COUNT; m++)
        if (strcmp(method, method_names[m]) == 0)
            rq.method = (enum method)m;
    return router_find(&rq);
}

static void fixed_segments_win_over_parameters(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/api/things/current"), ERR_NONE);
    assert_string_equal(rq.route->pattern, "/api/things/current");
    assert_int_equal(rq.path_arg_count, 0);
    assert_int_equal(find("GET", "/api/things/currents"), ERR_NONE);
    assert_string_equal(path_arg(&rq, "name"), "currents");
    assert_int_equal(find("GET", "/api/things/~all"), ERR_NONE);
    assert_string_equal(rq.route->pattern, "/api/things/~all");
    /* The leftmost difference decides. */
    assert_int_equal(find("GET", "/api/things/about"), ERR_NONE);
    assert_string_equal(rq.route->pattern, "/api/things/{name}");
    assert_int_equal(find("GET", "/api/others/about"), ERR_NONE);
    assert_string_equal(path_arg(&rq, "kind"), "others");
}

static void a_fixed_path_does_not_take_the_methods_of_a_parameter(void **state)
{
    (void)state;
    assert_int_equal(find("DELETE", "/api/things/current"), ERR_METHOD);
    assert_int_equal(rq.allowed_methods, 1u << METHOD_GET);
    assert_null(rq.route);
}

static void segments_are_decoded_after_they_were_split(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/api/things/a%2Fb"), ERR_NONE);
    assert_string_equal(path_arg(&rq, "name"), "a/b");
    assert_int_equal(find("GET", "/api/things/a+b%20c"), ERR_NONE);
    assert_string_equal(path_arg(&rq, "name"), "a+b c");
    assert_int_equal(find("POST", "/api/things/x%2Fy/parts/%E4%B8%AD"), ERR_NONE);
    assert_string_equal(path_arg(&rq, "name"), "x/y");
    assert_string_equal(path_arg(&rq, "part"), "中");
    assert_string_equal(path_arg(&rq, "other"), "");
    /* A fixed segment is compared as it was sent. */
    assert_int_equal(find("GET", "/api/thing%73"), ERR_NOT_FOUND);
    assert_int_equal(find("GET", "/api%2Fthings"), ERR_NOT_FOUND);
}

static void bad_parameters_are_refused(void **state)
{
    static const char *const bad[] = {"/api/things/%00", "/api/things/%", "/api/things/%ff", "/api/things/%c0%af"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(find("GET", bad[i]), ERR_VALIDATION);
}

static void other_methods_are_told_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(find("PUT", "/api/things"), ERR_METHOD);
    assert_int_equal(rq.allowed_methods, 1u << METHOD_GET | 1u << METHOD_POST);
    assert_int_equal(find("OPTIONS", "/api/things/x"), ERR_METHOD);
    assert_int_equal(rq.allowed_methods, 1u << METHOD_GET | 1u << METHOD_DELETE);
    assert_int_equal(find("PUT", "/api/nothing"), ERR_NOT_FOUND);
    assert_int_equal(rq.allowed_methods, 0);
}

static void head_is_answered_by_get(void **state)
{
    (void)state;
    assert_int_equal(find("HEAD", "/api/things"), ERR_NONE);
    assert_int_equal(rq.route->method, METHOD_GET);
    assert_int_equal(rq.method, METHOD_HEAD);
    assert_int_equal(find("HEAD", "/api/things/x/parts/y"), ERR_METHOD);
}

static void paths_that_are_not_there(void **state)
{
    static const char *const missing[] = {
        "/",
        "/api",
        "/api/",
        "/api/things/",
        "/api//things",
        "//api/things",
        "/api/things/x/",
        "/api/things/x/parts",
        "/api/things/x/parts/",
        "/API/things",
        "/api/things;x",
        "/health/",
        "/1/2/3/4/5/6/7/8/9/10/11",
        "/api/things/x/parts/y/z/z/z/z/z/z/z/z",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
        if (find("GET", missing[i]) != ERR_NOT_FOUND)
            fail_msg("%s was found", missing[i]);
    assert_int_equal(find("GET", "/health"), ERR_NONE);
}

static void tables_with_mistakes_are_refused_at_start(void **state)
{
    static const struct {
        struct route route;
        const char *what;
    } cases[] = {
        {{METHOD_GET, "/x", NULL, ACCESS_USER}, "no handler"},
        {{METHOD_GET, "/x", answer, ACCESS_DENY}, "no access"},
        {{METHOD_HEAD, "/x", answer, ACCESS_USER}, "method"},
        {{METHOD_OPTIONS, "/x", answer, ACCESS_USER}, "method"},
        {{METHOD_OTHER, "/x", answer, ACCESS_USER}, "method"},
        {{METHOD_GET, "x", answer, ACCESS_USER}, "not a path"},
        {{METHOD_GET, "/1/2/3/4/5/6/7/8/9/10/11", answer, ACCESS_USER}, "not a path"},
        {{METHOD_GET, "/x", answer, ACCESS_USER, .body = no_fields}, "GET with a body"},
        {{METHOD_POST, "/x", answer, ACCESS_PUBLIC, .body = no_fields}, "does not say how large"},
        {{METHOD_GET, "/api/things", answer, ACCESS_USER}, "stands twice"},
        {{METHOD_PUT, "/api/things/{other}", answer, ACCESS_USER}, "names its parameters otherwise"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char problem[256] = "";
        candidate[0] = cases[i].route;
        if (router_init(problem, sizeof problem) || !strstr(problem, cases[i].what))
            fail_msg("'%s' was let in or refused for another reason: %s", cases[i].route.pattern, problem);
    }
}

static void every_route_is_written(void **state)
{
    struct buffer text;
    struct json_writer w;
    struct json_failure failure;
    (void)state;
    buffer_init(&text, MIB);
    json_begin(&w, &text);
    router_write(&w);
    json_t *routes = json_parse(buffer_string(&text), text.length, &failure);
    assert_int_equal(json_array_size(routes), ARRAY_SIZE(things) - 1);
    json_decref(routes);
    buffer_free(&text);
    assert_non_null(router_at(ARRAY_SIZE(things) - 1));
    assert_null(router_at(ARRAY_SIZE(things)));
}

static void numbers_lead_back_to_their_routes(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/api/things/current"), ERR_NONE);
    assert_ptr_equal(router_at(rq.route_number), rq.route);
    assert_int_equal(find("DELETE", "/api/things/x"), ERR_NONE);
    assert_ptr_equal(router_at(rq.route_number), rq.route);
    assert_int_equal(find("PUT", "/api/things"), ERR_METHOD);
    assert_int_equal(rq.route_number, 0);
    assert_null(router_at(0));
    assert_null(router_at(ARRAY_SIZE(things)));
    for (size_t i = 1; i < ARRAY_SIZE(things); i++)
        assert_non_null(router_at(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fixed_segments_win_over_parameters, set_up),
        cmocka_unit_test_setup(a_fixed_path_does_not_take_the_methods_of_a_parameter, set_up),
        cmocka_unit_test_setup(segments_are_decoded_after_they_were_split, set_up),
        cmocka_unit_test_setup(bad_parameters_are_refused, set_up),
        cmocka_unit_test_setup(other_methods_are_told_what_there_is, set_up),
        cmocka_unit_test_setup(head_is_answered_by_get, set_up),
        cmocka_unit_test_setup(paths_that_are_not_there, set_up),
        cmocka_unit_test_setup(tables_with_mistakes_are_refused_at_start, set_up),
        cmocka_unit_test_setup(every_route_is_written, set_up),
        cmocka_unit_test_setup(numbers_lead_back_to_their_routes, set_up),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
