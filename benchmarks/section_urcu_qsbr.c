/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * liburcu, flavour quiescent state.  Its sections are free and last until the
 * thread says so; urcu_qsbr says so after each section, which is what a
 * section of the others allows a writer, and urcu_qsbr_lock never does.
 */

#define _LGPL_SOURCE
#include <urcu-qsbr.h>

#include "benchmarks/section.h"

#define ENTER(s) rcu_read_lock()
#define EXIT(s)  rcu_read_unlock()

SECTION_READ(lock);
SECTION_NESTED(lock);

#undef EXIT
#define EXIT(s) (rcu_read_unlock(), rcu_quiescent_state())

SECTION_READ(quiescent);

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

const struct section section_urcu_qsbr = {
    .name = "urcu_qsbr",
    .thread_init = thread_init,
    .thread_fini = thread_fini,
    .read = quiescent_read,
    .synchronize = synchronize,
};

const struct section section_urcu_qsbr_lock = {
    .name = "urcu_qsbr_lock",
    .thread_init = thread_init,
    .thread_fini = thread_fini,
    .read = lock_read,
    .nested = lock_nested,
};
