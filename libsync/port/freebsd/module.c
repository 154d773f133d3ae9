/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libsync as a module of its own (DECLARE_MODULE(9)), which others name by
 * MODULE_DEPEND(9).  In a kernel that has it from the start, it comes after the
 * other processors run.
 */

#include "libsync/port/types.h"

#include <sys/kernel.h>
#include <sys/module.h>

#include "libsync/port/kernel/start.h"

static int
event(module_t mod, int what, void *arg)
{
	(void)mod;
	(void)arg;
	switch (what) {
	case MOD_LOAD:
		return -libsync_start();
	case MOD_UNLOAD:
		libsync_stop();
		return 0;
	case MOD_QUIESCE:
	case MOD_SHUTDOWN:
		return 0;
	default:
		return EOPNOTSUPP;
	}
}

static moduledata_t libsync_data = {"libsync", event, NULL};

DECLARE_MODULE(libsync, libsync_data, SI_SUB_SMP, SI_ORDER_ANY);
MODULE_VERSION(libsync, 1);
