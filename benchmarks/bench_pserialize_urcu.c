/* SPDX-License-Identifier: BSD-2-Clause */

/* Deferred calls of liburcu, flavour membarrier, by its default worker. */

#define _LGPL_SOURCE
#define RCU_MEMBARRIER
#include <urcu.h>

#define CALLS_HEAD          struct rcu_head
#define CALLS_CALL(h, fn)   call_rcu(h, fn)
#define CALLS_BARRIER()     rcu_barrier()
#define CALLS_ENTER(s)      rcu_read_lock()
#define CALLS_EXIT(s)       rcu_read_unlock()
#define CALLS_THREAD_INIT() rcu_register_thread()
#define CALLS_THREAD_FINI() rcu_unregister_thread()
#include "benchmarks/calls_loop.inc"

const struct bench bench_pserialize_urcu[] = {
    CALLS_BENCH("urcu_memb"),
    {.name = NULL},
};
