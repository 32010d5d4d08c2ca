/* Every kind. A new one is a file with its row, and a line here. */
#include "kind.h"

extern const struct kind kind_agent, kind_custom_model, kind_hook, kind_instructions, kind_marketplace, kind_mcp_server,
    kind_output_style, kind_permission, kind_plugin, kind_prompt, kind_settings, kind_skill, kind_slash_command,
    kind_statusline;

/* clang-format off */
const struct kind *const kind_table[] = {
    &kind_agent,
    &kind_custom_model,
    &kind_hook,
    &kind_instructions,
    &kind_marketplace,
    &kind_mcp_server,
    &kind_output_style,
    &kind_permission,
    &kind_plugin,
    &kind_prompt,
    &kind_settings,
    &kind_skill,
    &kind_slash_command,
    &kind_statusline,
    NULL,
};
/* clang-format on */
