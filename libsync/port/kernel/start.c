/* SPDX-License-Identifier: BSD-2-Clause */

#include "libsync/port/kernel/start.h"

#include "libsync/port/types.h"
#include "libsync/pserialize/domain.h"
#include "libsync/pserialize/host.h"

/* The PORT_START functions, what others need first. */
void pserialize_registry_start(void);
void localcount_start(void);
void psref_start(void);
void percpu_pool_local_start(void);

/* What they took is given back. */
void psref_stop(void);
void percpu_pool_local_stop(void);

int
libsync_start(void)
{
	pserialize_registry_start();
	localcount_start();
	psref_start();
	percpu_pool_local_start();
	return pserialize_reclaim_start();
}

void
libsync_stop(void)
{
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		if (pserialize_domain_name(d) != NULL)
			pserialize_domain_barrier(d);
	pserialize_reclaim_stop();
	percpu_pool_local_stop();
	psref_stop();
}
