/* SPDX-License-Identifier: BSD-2-Clause */

/* A file of its own, so that a host may keep the threads' records elsewhere. */

#include "libsync/pserialize/pserialize.h"

PORT_LOCAL(struct pserialize_thread, pserialize_self)
PORT_LOCAL_INIT({
    .words = {{PSERIALIZE_SLOW}, {PSERIALIZE_SLOW}, {PSERIALIZE_SLOW},
	{PSERIALIZE_SLOW}, {PSERIALIZE_SLOW}, {PSERIALIZE_SLOW},
	{PSERIALIZE_SLOW}, {PSERIALIZE_SLOW}},
});
_Static_assert(PSERIALIZE_DOMAINS == 8, "each word begins as slow");
_Static_assert(
    !PORT_BY_CPU || sizeof(struct pserialize_thread) % SYNC_CACHELINE == 0,
    "no two processors write to one line");
