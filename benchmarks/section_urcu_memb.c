/* SPDX-License-Identifier: BSD-2-Clause */

/* liburcu, flavour membarrier, inlined (as it does for LGPL programs). */

#define _LGPL_SOURCE
#define RCU_MEMBARRIER
#include <urcu.h>

#include "benchmarks/section.h"

#define ENTER(s) rcu_read_lock()
#define EXIT(s)  rcu_read_unlock()

SECTION_READ(urcu_memb);
SECTION_NESTED(urcu_memb);

static void
thread_init(void)
{
	rcu_register_thread();
}

static void
thread_fini(void)
{
	rcu_unregister_thread();
}

static void
synchronize(void)
{
	synchronize_rcu();
}

const struct section section_urcu_memb = {
    .name = "urcu_memb",
    .thread_init = thread_init,
    .thread_fini = thread_fini,
    .read = urcu_memb_read,
    .nested = urcu_memb_nested,
    .synchronize = synchronize,
};
