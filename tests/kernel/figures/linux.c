/* SPDX-License-Identifier: BSD-2-Clause */

/* The loops of figures.c in a module, where qemu counts them. */

#include <linux/module.h>

#include "libsync/port/kernel/start.h"
#include "tests/kernel/figures/figures.h"

/* The module is not to stay: it is never loaded with success. */
static int __init
figures_init(void)
{
	int error = libsync_start();

	if (error == 0) {
		error = ktest_figures();
		libsync_stop();
	}
	return error != 0 ? error : -ECANCELED;
}

module_init(figures_init);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("instructions of libsync's operations");
