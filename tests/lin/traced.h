/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Put in front of sources: their accesses to shared fields go through
 * tests/lin/replay.c.
 */
#ifndef TESTS_LIN_TRACED_H
#define TESTS_LIN_TRACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libsync's inline functions keep the macros as they are. */
#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"

#include "tests/lin/replay.h"

#undef SYNC_POINT
#define SYNC_POINT(name) replay_point(name)

#undef sync_load_relaxed
#undef sync_load_acquire
#undef sync_store_relaxed
#undef sync_store_release
#undef sync_cas_relaxed

/* What memory orders do is for the simulator: here there is one order. */
#define TRACED_LOAD(p) (replay_load(&(p)->v), (p)->v)
#define TRACED_STORE(p, x) \
	replay_store(&(p)->v, sizeof((p)->v), (uint64_t)(uintptr_t)(x))

/* relaxed: the traced form; one thread runs both sides.  So below. */
#define sync_load_relaxed(p) TRACED_LOAD(p)
/* acquire: likewise. */
#define sync_load_acquire(p) TRACED_LOAD(p)
/* relaxed: likewise. */
#define sync_store_relaxed(p, x) TRACED_STORE(p, x)
/* release: likewise. */
#define sync_store_release(p, x) TRACED_STORE(p, x)
/* relaxed: likewise; a writer's, so it succeeds. */
#define sync_cas_relaxed(p, expect, x) \
	((p)->v == *(expect) && (TRACED_STORE(p, x), true))

#endif /* TESTS_LIN_TRACED_H */
