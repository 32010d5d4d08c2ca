/* Look-alikes: names that people cannot tell apart. */
#pragma once

#include "arena.h"

/* What a text looks like (Unicode Technical Standard 39, section 4, "skeleton"), in the arena: two that look the same have the same
 * one, "pаypal" with a Cyrillic а and "paypa1" that of "paypal". "" when nothing of it can be seen. `text` is valid UTF-8 and
 * decomposed (NFKD, so that full-width letters are letters); what comes out has to be decomposed once more before it is compared. */
char *lookalike_skeleton(struct arena *arena, const char *text);
