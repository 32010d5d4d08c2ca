/* Every kind. A new one is a file with its row, kind_NAME, and a line here. */
#include "kind.h"

#define KIND_LIST(X)                                                                                                   \
    X(agent)                                                                                                           \
    X(checkin_account)                                                                                                 \
    X(checkin_provider)                                                                                                \
    X(custom_model)                                                                                                    \
    X(hook)                                                                                                            \
    X(instructions)                                                                                                    \
    X(marketplace)                                                                                                     \
    X(mcp_server)                                                                                                      \
    X(output_style)                                                                                                    \
    X(permission)                                                                                                      \
    X(plugin)                                                                                                          \
    X(profile)                                                                                                         \
    X(prompt)                                                                                                          \
    X(settings)                                                                                                        \
    X(skill)                                                                                                           \
    X(slash_command)                                                                                                   \
    X(statusline)

#define DECLARE(name) extern const struct kind kind_##name;
KIND_LIST(DECLARE)

#define ADDRESS(name) &kind_##name,
const struct kind *const kind_table[] = {KIND_LIST(ADDRESS) NULL};
