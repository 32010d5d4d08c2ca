/* Price name: which model the name means that a CLI, a provider or a list of prices writes. Two names with the same key are the same model
 * at different doors; no name ever gets the key of another family or size. Portable: no server needed. */
#pragma once

#include <stdbool.h>

enum { PRICE_NAME_MAX = 400 }; /* bytes of a name and of what becomes of it; as USAGE_TEXT_MAX */

struct price_name {
    char key[PRICE_NAME_MAX + 1];   /* what prices and calls are put together by: "claude-sonnet-4-5", "gpt-5-4" */
    char shown[PRICE_NAME_MAX + 1]; /* the same as its maker writes it: "gpt-5.4" */
    bool fast;                      /* it says that the call took the fast tier ("-fast"; of Claude's models only) */
    bool bare;                      /* it names neither a provider nor a region */
    bool whole;                     /* nothing but the case of letters and dots was changed to get the key */
};

/* Takes away, in this order: Droid's "custom:" and "-[Proxy]-0"; providers and regions ("openrouter/anthropic/", "us.anthropic."); what
 * stands behind the model's own name ("[1m]", "-fast", "-v1:0", "@20250929", "-20250929"). Letters of ASCII become small, a dot between
 * digits a dash. What is left as it is: dates with dashes ("gpt-4o-2024-05-13", which costs something else than gpt-4o), variants behind
 * a colon (":free", ":30b"), and "-fast" where it is a model's own name (grok-4-fast). False, and nothing in *out, for NULL, for what is
 * longer than PRICE_NAME_MAX, no UTF-8, or has blanks or control characters inside, and where no letter is left. */
bool price_name_read(struct price_name *out, const char *model);
