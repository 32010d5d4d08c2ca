/* Presets: the files of presets/ as they were when the program was built. */
#ifndef CCR_PRESETS_H
#define CCR_PRESETS_H

extern const char presets_json[]; /* an array of those files; build/presets_json.c, made by the Makefile */

#endif
