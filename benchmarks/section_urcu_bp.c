/* SPDX-License-Identifier: BSD-2-Clause */

/* liburcu, flavour "bulletproof": threads register by themselves, as ours. */

#define _LGPL_SOURCE
#include <urcu-bp.h>

#include "benchmarks/section.h"

#define ENTER(s) rcu_read_lock()
#define EXIT(s)  rcu_read_unlock()

SECTION_READ(urcu_bp);
SECTION_NESTED(urcu_bp);

static void
synchronize(void)
{
	synchronize_rcu();
}

const struct section section_urcu_bp = {
    .name = "urcu_bp",
    .read = urcu_bp_read,
    .nested = urcu_bp_nested,
    .synchronize = synchronize,
};
