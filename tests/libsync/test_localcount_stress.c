/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * More threads than have cells of their own hold one object, give references
 * to each other, and it is drained and replaced under them.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/base/point.h"
#include "libsync/localcount/localcount.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/stress.h"

#define THREADS 36

struct object {
	unsigned long a, b; /* b == ~a while it may be read */
	struct localcount lc;
};

/* [a] a reference that somebody has left for somebody else */
static SYNC_ATOMIC(struct object *) shared, left;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) wrong, uses;

static struct object *
make(unsigned long a)
{
	struct object *o = malloc(sizeof(*o));

	cr_assert_not_null(o);
	o->a = a;
	o->b = ~a;
	cr_assert_eq(localcount_init(&o->lc), 0);
	return o;
}

static void
look(const struct object *o)
{
	if (o->a != ~o->b)
		/* relaxed: looked at after the threads were joined. */
		sync_fetch_add_relaxed(&wrong, 1);
}

/* Leave the reference, and let go of one that was left before. */
static void
leave(struct object *o)
{
	/* acq_rel: hands o on, and takes the other one over. */
	o = sync_xchg_acq_rel(&left, o);
	if (o == NULL)
		return;
	look(o);
	localcount_release(&o->lc);
}

static void
use(unsigned long n)
{
	uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the exchange of the writer. */
	struct object *o = sync_load_acquire(&shared);

	localcount_acquire(&o->lc);
	pserialize_read_exit(s);
	look(o);
	if (n % 7 == 0)
		sched_yield();
	look(o);
	if (n % 3 == 0)
		leave(o);
	else
		localcount_release(&o->lc);
}

static void *
user(void *arg)
{
	unsigned long n = *(unsigned long *)arg;

	/* relaxed: seen sooner or later. */
	while (!sync_load_relaxed(&stop)) {
		for (int i = 0; i < 50; i++)
			use(n++);
		/* relaxed: only counts. */
		sync_fetch_add_relaxed(&uses, 50);
		sched_yield();
	}
	return NULL;
}

static bool
used_more_than(unsigned long n)
{
	/* relaxed: only counts. */
	return sync_load_relaxed(&uses) > n;
}

static void
retire(struct object *o)
{
	pserialize_perform();
	leave(NULL); /* it may be this one that nobody would take */
	localcount_drain(&o->lc);
	localcount_reinit(&o->lc);
	localcount_drain(&o->lc);
	localcount_fini(&o->lc);
	o->a = o->b = 0;
	free(o);
}

Test(localcount_stress, stress_replaced_object, .timeout = 100)
{
	const unsigned long length = stress_n(40);
	unsigned long numbers[THREADS];
	pthread_t threads[THREADS];

	sync_point_yield(1, 100);
	/* release: pairs with the acquire in use. */
	sync_store_release(&shared, make(0));
	for (unsigned long i = 0; i < THREADS; i++) {
		numbers[i] = i;
		cr_assert_eq(
		    pthread_create(&threads[i], NULL, user, &numbers[i]), 0);
	}
	for (unsigned long i = 1; i <= length || !used_more_than(length); i++)
		/* acq_rel: publishes the new, takes over the old. */
		retire(sync_xchg_acq_rel(&shared, make(i)));
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	leave(NULL);
	/* acq_rel: as above. */
	retire(sync_xchg_acq_rel(&shared, NULL));
	/* relaxed: everybody has been joined. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
	cr_assert(used_more_than(length));
}
