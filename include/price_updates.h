/* Price updates: the job of housekeeping that reads the list at PRICES_URL. */
#pragma once

#include "housekeeping.h"

/* Reads it, before the transaction: the server that has it may be slow. */
house_prepare price_updates_read;
/* Takes it into the table; the batch's rows are models that are new or cost something else. */
house_batch price_updates_store;
house_clean price_updates_clean;
