/* The step of the schema in which profiles became resources: what they show is made with the keys, which SQL does not have. */
#pragma once

#include "crypto.h"
#include "migrate.h"
#include "settings.h"

/* The context of the steps. */
struct migration_keys {
    const struct settings *settings;
    const struct keyring *keyring;
};

/* Ends with name NULL. */
extern const struct migration_step profile_migration_steps[];
