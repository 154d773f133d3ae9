/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sections of a run-to-completion worker, which says that it is quiescent once
 * per turn.  The process has to run in the mode qsbr (LIBSYNC_FENCE).
 */

#include "benchmarks/section.h"
#include "libsync/pserialize/pserialize.h"

#define ENTER(s) const uint64_t s = pserialize_read_enter()
#define EXIT(s)  pserialize_read_exit(s)

SECTION_READ(turn);

static void
online_read(const struct section_data *d, size_t n)
{
	turn_read(d, n);
	pserialize_quiescent();
}

const struct section section_online = {
    .name = "pserialize",
    .thread_init = pserialize_online,
    .thread_fini = pserialize_offline,
    .read = online_read,
};
