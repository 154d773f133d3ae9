/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers walk a list, keep an element while they are preempted outside the
 * section, copy references, and go on by the rule of psref.h, while writers
 * remove, destroy, spoil and free what is on it.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

#define READERS 3
#define WRITERS 2
#define LENGTH  6

struct item {
	struct psref_target target;
	struct pslist_entry entry;
	unsigned long a, b; /* b == ~a while it may be read */
};

static struct psref_class *cl;
static struct pslist_head list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) visits, restarts, wrong;
static unsigned long length;

static void
insert(unsigned long a)
{
	struct item *it = malloc(sizeof(*it));

	cr_assert_not_null(it);
	psref_target_init(&it->target, cl);
	pslist_entry_init(&it->entry);
	it->a = a;
	it->b = ~a;
	pthread_mutex_lock(&lock);
	pslist_writer_insert_head(&list, &it->entry);
	pthread_mutex_unlock(&lock);
}

/* Take out the element in the given place and end it. */
static void
remove_one(unsigned long place)
{
	struct item *it;

	pthread_mutex_lock(&lock);
	PSLIST_WRITER_FOREACH (it, &list, entry) {
		if (place-- == 0)
			break;
	}
	if (it != NULL)
		pslist_writer_remove(&it->entry);
	pthread_mutex_unlock(&lock);
	if (it == NULL)
		return;
	pserialize_perform();
	psref_target_destroy(&it->target, cl);
	pslist_entry_fini(&it->entry);
	it->a = it->b = 0;
	free(it);
}

static void
look(const struct item *it)
{
	if (it->a != ~it->b)
		/* relaxed: looked at after the threads were joined. */
		sync_fetch_add_relaxed(&wrong, 1);
}

/* Outside the section: only the reference keeps it. */
static void
stay_on(struct item *it, struct psref *ref, unsigned long n)
{
	struct psref copy;

	look(it);
	if (n % 3 == 0) {
		psref_copy(&copy, ref, cl);
		psref_release(ref, &it->target, cl);
		sched_yield();
		look(it);
		psref_copy(ref, &copy, cl);
		psref_release(&copy, &it->target, cl);
	} else if (n % 8 == 0) {
		sched_yield();
	}
	look(it);
}

static void
walk(unsigned long *n)
{
	uint64_t s = pserialize_read_enter();
	struct psref ref;
	struct item *it;

again:
	PSLIST_READER_FOREACH (it, &list, entry) {
		bool linked;

		psref_acquire(&ref, &it->target, cl);
		pserialize_read_exit(s);
		stay_on(it, &ref, ++*n);
		s = pserialize_read_enter();
		linked = pslist_entry_linked(&it->entry);
		psref_release(&ref, &it->target, cl);
		look(it); /* by the section alone */
		if (!linked) {
			/* relaxed: only counts. */
			sync_fetch_add_relaxed(&restarts, 1);
			goto again;
		}
	}
	pserialize_read_exit(s);
}

static void *
reader(void *arg)
{
	unsigned long n = 0, before;

	(void)arg;
	/* relaxed: seen sooner or later. */
	while (!sync_load_relaxed(&stop)) {
		before = n;
		walk(&n);
		/* relaxed: only counts. */
		sync_fetch_add_relaxed(&visits, n - before);
		sched_yield();
	}
	return NULL;
}

static void *
writer(void *arg)
{
	unsigned long n = *(unsigned long *)arg;

	for (unsigned long i = 0; i < length ||
				  /* relaxed: only counts. */
				  sync_load_relaxed(&visits) < length;
	     i++) {
		remove_one((n + i) % LENGTH);
		insert(i);
	}
	return NULL;
}

Test(psref_stress, stress_walks_over_a_changing_list, .timeout = 100)
{
	pthread_t readers[READERS], writers[WRITERS];
	unsigned long numbers[WRITERS];

	length = stress_n(3000);
	cr_assert_eq(psref_class_create("stress", &cl), 0);
	pslist_head_init(&list);
	for (int i = 0; i < LENGTH; i++)
		insert(0);
	for (int i = 0; i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&readers[i], NULL, reader, NULL), 0);
	for (unsigned long i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		cr_assert_eq(
		    pthread_create(&writers[i], NULL, writer, &numbers[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	while (pslist_writer_first(&list) != NULL)
		remove_one(0);
	pslist_head_fini(&list);
	psref_class_destroy(cl); /* all targets are destroyed */
	/* relaxed: everybody has been joined. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
}
