/* SPDX-License-Identifier: BSD-2-Clause */

#include "libsync/port/kernel/start.h"

#include "libsync/port/types.h"
#include "libsync/pserialize/host.h"

/* The PORT_START functions, what others need first. */
void pserialize_registry_start(void);
void localcount_start(void);
void psref_start(void);
void percpu_pool_local_start(void);

/* Did all that has to be there get memory? */
bool percpu_pool_local_complete(void);

/* What they took is given back. */
void psref_stop(void);
void percpu_pool_local_stop(void);

static void
release(void)
{
	percpu_pool_local_stop();
	psref_stop();
}

int
libsync_start(void)
{
	int error;

	pserialize_registry_start();
	localcount_start();
	psref_start();
	percpu_pool_local_start();
	error =
	    percpu_pool_local_complete() ? pserialize_reclaim_start() : -ENOMEM;
	if (error != 0)
		release();
	return error;
}

void
libsync_stop(void)
{
	pserialize_reclaim_stop();
	release();
}
