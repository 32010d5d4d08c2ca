/* Presets: the files of presets/ as they were when the program was built. */
#pragma once

extern const char presets_json[]; /* an array of those files; build/presets_json.c, made by the Makefile */
