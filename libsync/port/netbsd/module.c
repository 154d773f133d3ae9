/* SPDX-License-Identifier: BSD-2-Clause */

/* libsync as a module(9) of its own, which other modules require by its name. */

#include "libsync/port/types.h"

#include <sys/module.h>

#include "libsync/port/kernel/start.h"

MODULE(MODULE_CLASS_MISC, libsync, NULL);

static int
libsync_modcmd(modcmd_t cmd, void *arg)
{
	(void)arg;
	switch (cmd) {
	case MODULE_CMD_INIT:
		return -libsync_start();
	case MODULE_CMD_FINI:
		libsync_stop();
		return 0;
	default:
		return ENOTTY;
	}
}
