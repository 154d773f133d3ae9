/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * BLOCK and ALIAS of stack/route/fib4, LINE and SHORT of stack/route/fib6, in
 * small: a word of the table leads to a leaf, which is filled before, and the
 * leaf's id to a group.  Mirrors fib4_lookup(), publish() and rebind() of fib4.c,
 * fib6_step() and publish_briefs() of fib6; the grace period is the library's.
 *
 * A more specific route comes; then the default route gets another group,
 * through its alias.  The place had the first group, then the more specific's,
 * and never the default's second one.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 * @must_fail NO_FENCE
 */

#include "tests/model/genmc/pserialize.h"

enum {
	ALIAS,
	SPECIFIC,
	IDS
};
enum {
	FIRST = 1,
	OF_SPECIFIC,
	SECOND
};

static int leaf[2] = {ALIAS, -1}; /* plain: filled before it is seen */
static SYNC_ATOMIC(int *) place = {&leaf[0]};
static SYNC_ATOMIC(int) group[IDS] = {{FIRST}, {OF_SPECIFIC}};

static void *
reader(void *arg)
{
	uint64_t s;
	int found;

	(void)arg;
	model_begin(1);
	s = pserialize_read_enter();
	/* BLOCK acquire: pairs with the release in writer. */
	found = *sync_load_acquire(&place);
	assert(found >= 0);
	/* relaxed: ALIAS is the grace period. */
	found = sync_load_relaxed(&group[found]);
	pserialize_read_exit(s);
	assert(found == FIRST || found == OF_SPECIFIC);
	model_end();
	return NULL;
}

static void *
writer(void *arg)
{
	(void)arg;
	model_begin(2);
	leaf[1] = SPECIFIC;
	/* BLOCK release: pairs with the acquire in reader. */
	sync_store_release(&place, &leaf[1]);
#ifndef NO_FENCE
	pserialize_perform();
#endif
	/* relaxed: nobody has the leaf of before. */
	sync_store_relaxed(&group[ALIAS], SECOND);
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
