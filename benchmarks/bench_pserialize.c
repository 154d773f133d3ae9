/* SPDX-License-Identifier: BSD-2-Clause */

/* Deferred calls of pserialize; bench_pserialize_urcu.c has its peer. */

#include "libsync/pserialize/pserialize.h"

#define CALLS_HEAD        struct pserialize_head
#define CALLS_CALL(h, fn) pserialize_call(h, fn)
#define CALLS_BARRIER()   pserialize_barrier()
#define CALLS_ENTER(s)    const uint64_t s = pserialize_read_enter()
#define CALLS_EXIT(s)     pserialize_read_exit(s)
/* On the registry, as the peer asks of its threads. */
#define CALLS_THREAD_INIT() pserialize_read_exit(pserialize_read_enter())
#define CALLS_THREAD_FINI() ((void)0)
#include "benchmarks/calls_loop.inc"

const struct bench bench_pserialize[] = {
    CALLS_BENCH("pserialize"),
    {.name = NULL},
};
