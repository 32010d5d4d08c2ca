/* Shapes: objects of CCR UI, one for all platforms whose pages read them alike. */
#pragma once

#include "ui_page.h"

extern const struct ui_shape ui_mcp_server, ui_agent, ui_slash_command, ui_prompt, ui_plugin, ui_hook, ui_output_style,
    ui_skill, ui_mcp_codex, ui_mcp_gemini, ui_mcp_qwen, ui_mcp_iflow, ui_droid, ui_profile_codex, ui_profile_droid,
    ui_model, ui_plugin_droid;
