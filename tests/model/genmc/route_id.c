/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An id that is used again, in small: a local id of stack/route, a group, an
 * adjacency or a run of buckets of stack/nexthop.  Mirrors fib6_ids.c, and
 * nexthop_group_release() with nexthop_group_wait_run(); the grace period is the
 * library's.
 *
 * A word leads to an id and the id to a meaning.  The id is taken out of one
 * word and, after a grace period, put into another with another meaning.  Who
 * found it in the first word sees its first meaning, who found it in the other
 * one sees the second.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 * @must_fail NO_GRACE
 */

#include "tests/model/genmc/pserialize.h"

enum {
	OTHER,
	ID,
	IDS
};
enum {
	FIRST = 1,
	SECOND,
	OF_OTHER
};

static SYNC_ATOMIC(int) word[2] = {{ID}, {OTHER}};
static SYNC_ATOMIC(int) meaning[IDS] = {{OF_OTHER}, {FIRST}};

static int
look(int i)
{
	/* WORD acquire: pairs with the releases in writer. */
	const int id = sync_load_acquire(&word[i]);

	/* relaxed: WORD, or the grace period. */
	return sync_load_relaxed(&meaning[id]);
}

static void *
reader(void *arg)
{
	uint64_t s;
	int found[2];

	(void)arg;
	model_begin(1);
	s = pserialize_read_enter();
	found[0] = look(0);
	found[1] = look(1);
	pserialize_read_exit(s);
	assert(found[0] == FIRST || found[0] == OF_OTHER);
	assert(found[1] == SECOND || found[1] == OF_OTHER);
	model_end();
	return NULL;
}

static void *
writer(void *arg)
{
	(void)arg;
	model_begin(2);
	/* WORD release: pairs with the acquire in look. */
	sync_store_release(&word[0], OTHER);
#ifndef NO_GRACE
	pserialize_perform();
#endif
	/* relaxed: WORD publishes it. */
	sync_store_relaxed(&meaning[ID], SECOND);
	/* WORD release: pairs with the acquire in look. */
	sync_store_release(&word[1], ID);
	model_end();
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	model_init(2);
	model_start(&t[0], reader, NULL);
	model_start(&t[1], writer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
