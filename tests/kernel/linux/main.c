/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test as a module: it runs while it is loaded, so that the status of
 * insmod is the verdict, and stays loaded if it has passed.
 */

#include <linux/module.h>

#include "libsync/port/kernel/start.h"
#include "tests/kernel/host.h"
#include "tests/kernel/linux/linux.h"

static unsigned rounds = 1;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how long each test is");

static char *only;
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "tests whose names begin so");

static unsigned cpus;
module_param(cpus, uint, 0444);
MODULE_PARM_DESC(cpus, "how many CPUs take part; 0: all");

static int __init
ktest_init(void)
{
	const struct ktest_config cfg = {.rounds = rounds, .only = only};
	int err = libsync_start();

	if (err != 0)
		return err;
	ktest_host_init(cpus);
	if (ktest_main(&cfg) == 0)
		return 0;
	libsync_stop();
	return -EIO;
}

static void __exit
ktest_exit(void)
{
	ktest_leave();
	libsync_stop();
	(void)ktest_left(); /* the guest looks at what it says */
}

module_init(ktest_init);
module_exit(ktest_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("self-test of libsync");
