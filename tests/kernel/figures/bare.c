/* SPDX-License-Identifier: BSD-2-Clause */

/* The loops of figures.c without a kernel, where qemu counts them. */

#include "tests/kernel/figures/figures.h"

#include "libsync/port/bare/bare.h"
#include "libsync/port/kernel/start.h"

int
bare_main(void)
{
	int error = libsync_start();

	if (error == 0) {
		error = ktest_figures();
		libsync_stop();
	}
	return error != 0;
}
