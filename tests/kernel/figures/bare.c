/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The loops of figures.c without a kernel, where qemu counts them.  In the
 * variant context-switch the CPU that runs them is online.
 */

#include "tests/kernel/figures/figures.h"

#include "libsync/port/bare/bare.h"
#include "libsync/port/kernel/start.h"

int
bare_main(void)
{
	int error = libsync_start();

	if (error == 0) {
		bare_online(true);
		error = ktest_figures();
		bare_online(false);
		libsync_stop();
	}
	return error != 0;
}
