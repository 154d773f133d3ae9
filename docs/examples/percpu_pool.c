/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ordering pairs
 *   SESSION  open_session stores now (release) -> show loads it (acquire): a
 *            session is filled before it is seen.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libsync/base/atomic.h"
#include "libsync/percpu/pool.h"
#include "libsync/pserialize/pserialize.h"

/* Readers may find one that was freed a moment ago. */
struct session {
	unsigned id;
	const char *peer;
};

static struct {
	SYNC_ATOMIC(struct session *) now;
} table;

/* A reader: any thread, at any time. */
static bool
show(void)
{
	const uint64_t section = pserialize_read_enter();
	/* SESSION acquire: pairs with the release in open_session. */
	const struct session *s = sync_load_acquire(&table.now);

	/* It stays what it is until we leave, although it may be freed. */
	if (s != NULL)
		printf("session %u with %s\n", s->id, s->peer);
	pserialize_read_exit(section);
	return s != NULL;
}

/* A writer, alone or under the table's mutex. */
static bool
open_session(struct percpu_pool *pool, unsigned id, const char *peer)
{
	struct session *s = percpu_pool_alloc(pool);

	if (s == NULL)
		return false;
	*s = (struct session){.id = id, .peer = peer};
	/* SESSION release: pairs with the acquire in show. */
	sync_store_release(&table.now, s);
	return true;
}

static void
close_session(struct percpu_pool *pool)
{
	/* relaxed: only the writer stores it. */
	struct session *s = sync_load_relaxed(&table.now);

	/* relaxed: the pool's grace period orders it. */
	sync_store_relaxed(&table.now, NULL);
	percpu_pool_free(pool, s); /* no wait, no callback */
}

int
main(void)
{
	const struct percpu_pool_config config = {
	    .size = sizeof(struct session),
	    .grace = true,
	};
	struct percpu_pool *pool;
	struct percpu_pool_stats stats;

	if (percpu_pool_create(&config, &pool) != 0)
		return 1;
	for (unsigned id = 1; id <= 1000; id++) {
		if (!open_session(pool, id, "10.0.0.1"))
			return 1;
		if (id % 250 == 0 && !show())
			return 1;
		close_session(pool);
	}
	if (show())
		return 1;
	percpu_pool_stats(pool, &stats);
	printf("%u sessions in %u objects\n", (unsigned)stats.allocs,
	    (unsigned)stats.objects);
	percpu_pool_destroy(pool);
	return stats.objects < stats.allocs ? 0 : 1;
}
