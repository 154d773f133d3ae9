/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A cell whose value many threads read and one replaces, written with libsync
 * and pthreads, and its test in the simulator (docs/wsim.md).  Nothing above
 * the tests knows of the simulator.
 *
 * Ordering pairs
 *   SETTING  cell_replace stores now (release) -> cell_width loads it
 *            (acquire): a setting is filled before it is seen.
 */

#include <pthread.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct setting {
	int low, high;
};

struct cell {
	SYNC_ATOMIC(struct setting *) now; /* [a] stored by the writer */
};

static struct setting *
setting(int low, int high)
{
	struct setting *s = malloc(sizeof(*s));

	s->low = low;
	s->high = high;
	return s;
}

/* How far apart are they?  Context: any thread; wait-free. */
static int
cell_width(const struct cell *c)
{
	const uint64_t section = pserialize_read_enter();
	/* SETTING acquire: pairs with the release in cell_replace. */
	const struct setting *s = sync_load_acquire(&c->now);
	const int width = s->high - s->low;

	pserialize_read_exit(section);
	return width;
}

/* Context: the writer.  Owner: the old setting is the caller's to free. */
static struct setting *
cell_replace(struct cell *c, struct setting *new)
{
	/* relaxed: only the writer stores it. */
	struct setting *old = sync_load_relaxed(&c->now);

	/* SETTING release: pairs with the acquire in cell_width. */
	sync_store_release(&c->now, new);
	return old;
}

/* The tests. */

static struct cell cell;

static void *
reader(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++)
		wsim_assert(cell_width(&cell) == 10);
	return NULL;
}

static void
replace_while_read(void (*wait)(void))
{
	struct setting *old;
	pthread_t t;

	sync_init(&cell.now, setting(0, 10));
	wsim_assert(pthread_create(&t, NULL, reader, NULL) == 0);
	old = cell_replace(&cell, setting(20, 30));
	wait();
	free(old);
	(void)pthread_join(t, NULL);
}

WSIM_TEST(readers_see_one_whole_setting)
{
	replace_while_read(pserialize_perform);
}

static void
do_not_wait(void)
{
}

/* A control: the test above would notice a missing grace period. */
WSIM_MUST_FAIL(freed_too_early, WSIM_UAF)
{
	replace_while_read(do_not_wait);
}
