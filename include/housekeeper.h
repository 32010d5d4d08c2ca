/* Housekeeper: the process that does the housekeeping (housekeeping.h), or stands by while another host's does it. */
#pragma once

#include "background.h"

/* Its whole life; the exit status: 0 when it was told to leave, 78 when its settings do not work. */
int housekeeper_run(const struct background_setup *setup);
