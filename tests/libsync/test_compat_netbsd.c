/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A module written from NetBSD's manual pages, and nothing else: a database of
 * frotzes in the way of the examples of pserialize(9), pslist(9), psref(9) and
 * localcount(9), and users of the proposed atomic queue and pcq(9).
 */

#include <sys/atomicq.h>
#include <sys/condvar.h>
#include <sys/localcount.h>
#include <sys/mutex.h>
#include <sys/pcq.h>
#include <sys/pserialize.h>
#include <sys/pslist.h>
#include <sys/psref.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "libsync/base/atomic.h"
#include "tests/stress.h"

#define KEYS 16

struct frotz {
	int f_key;
	int f_value;
	struct pslist_entry f_entry;
	struct psref_target f_target;
	struct localcount f_count;
};

static struct {
	kmutex_t lock;
	kcondvar_t cv;
	pserialize_t psz;
	struct psref_class *class;
	struct pslist_head list;
} frobbotzim = {.list = PSLIST_INITIALIZER};

static void
setup(void)
{
	mutex_init(&frobbotzim.lock, MUTEX_DEFAULT, IPL_NONE);
	cv_init(&frobbotzim.cv, "frotz");
	frobbotzim.psz = pserialize_create();
	frobbotzim.class = psref_class_create("frotz", IPL_SOFTNET);
	PSLIST_INIT(&frobbotzim.list);
}

static void
teardown(void)
{
	PSLIST_DESTROY(&frobbotzim.list);
	psref_class_destroy(frobbotzim.class);
	pserialize_destroy(frobbotzim.psz);
	cv_destroy(&frobbotzim.cv);
	mutex_destroy(&frobbotzim.lock);
}

TestSuite(compat_netbsd, .init = setup, .fini = teardown);

static struct frotz *
frotz_create(int key)
{
	struct frotz *f = calloc(1, sizeof(*f));

	cr_assert(f != NULL);
	f->f_key = f->f_value = key;
	PSLIST_ENTRY_INIT(f, f_entry);
	psref_target_init(&f->f_target, frobbotzim.class);
	mutex_enter(&frobbotzim.lock);
	PSLIST_WRITER_INSERT_HEAD(&frobbotzim.list, f, f_entry);
	mutex_exit(&frobbotzim.lock);
	return f;
}

static int
frotz_destroy(int key)
{
	struct frotz *f;

	mutex_enter(&frobbotzim.lock);
	PSLIST_WRITER_FOREACH (f, &frobbotzim.list, struct frotz, f_entry) {
		if (f->f_key == key) {
			PSLIST_WRITER_REMOVE(f, f_entry);
			pserialize_perform(frobbotzim.psz);
			break;
		}
	}
	mutex_exit(&frobbotzim.lock);
	if (f == NULL)
		return ENOENT;
	PSLIST_ENTRY_DESTROY(f, f_entry);
	psref_target_destroy(&f->f_target, frobbotzim.class);
	f->f_value = -1;
	free(f);
	return 0;
}

static int
frotz_value(int key, int *value)
{
	const struct frotz *f;
	int error = ENOENT;
	int s, nested;

	s = pserialize_read_enter();
	PSLIST_READER_FOREACH (f, &frobbotzim.list, struct frotz, f_entry) {
		if (f->f_key != key)
			continue;
		nested = pserialize_read_enter();
		*value = f->f_value;
		pserialize_read_exit(nested);
		error = 0;
		break;
	}
	pserialize_read_exit(s);
	return error;
}

static const struct frotz *
frotz_get(int key, struct psref *psref)
{
	const struct frotz *f;
	int s = pserialize_read_enter();

	PSLIST_READER_FOREACH (f, &frobbotzim.list, struct frotz, f_entry) {
		if (f->f_key == key) {
			psref_acquire(psref, &f->f_target, frobbotzim.class);
			break;
		}
	}
	pserialize_read_exit(s);
	return f;
}

static void
frotz_put(const struct frotz *f, struct psref *psref)
{
	psref_release(psref, &f->f_target, frobbotzim.class);
}

Test(compat_netbsd, what_was_inserted_is_found_until_it_is_removed)
{
	int value = 0;

	cr_assert_eq(frotz_value(1, &value), ENOENT);
	frotz_create(1);
	frotz_create(2);
	cr_assert_eq(frotz_value(1, &value), 0);
	cr_assert_eq(value, 1);
	cr_assert_eq(frotz_destroy(1), 0);
	cr_assert_eq(frotz_destroy(1), ENOENT);
	cr_assert_eq(frotz_value(1, &value), ENOENT);
	cr_assert_eq(frotz_destroy(2), 0);
}

Test(compat_netbsd, sections_nest)
{
	int outer, inner;

	cr_assert(pserialize_not_in_read_section());
	outer = pserialize_read_enter();
	inner = pserialize_read_enter();
	pserialize_read_exit(inner);
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(outer);
	cr_assert(pserialize_not_in_read_section());
	pserialize_perform(frobbotzim.psz);
}

Test(compat_netbsd, list_inserts_beside)
{
	struct frotz *two = frotz_create(2), *f;
	struct frotz a = {.f_key = 1}, b = {.f_key = 3};
	int want = 1;

	PSLIST_ENTRY_INIT(&a, f_entry);
	PSLIST_ENTRY_INIT(&b, f_entry);
	mutex_enter(&frobbotzim.lock);
	cr_assert(mutex_owned(&frobbotzim.lock));
	PSLIST_WRITER_INSERT_BEFORE(two, &a, f_entry);
	PSLIST_WRITER_INSERT_AFTER(two, &b, f_entry);
	PSLIST_WRITER_FOREACH (f, &frobbotzim.list, struct frotz, f_entry)
		cr_assert_eq(f->f_key, want++);
	cr_assert_eq(want, 4);
	PSLIST_WRITER_REMOVE(&a, f_entry);
	PSLIST_WRITER_REMOVE(&b, f_entry);
	pserialize_perform(frobbotzim.psz);
	mutex_exit(&frobbotzim.lock);
	cr_assert_not(mutex_owned(&frobbotzim.lock));
	PSLIST_ENTRY_DESTROY(&a, f_entry);
	PSLIST_ENTRY_DESTROY(&b, f_entry);
	frotz_destroy(2);
}

Test(compat_netbsd, references_are_held_and_copied)
{
	struct psref one, two;
	const struct frotz *f;
	int bound = curlwp_bind();

	frotz_create(7);
	f = frotz_get(7, &one);
	cr_assert(f != NULL);
	cr_assert(psref_held(&f->f_target, frobbotzim.class));
	psref_copy(&two, &one, frobbotzim.class);
	frotz_put(f, &one);
	cr_assert(psref_held(&f->f_target, frobbotzim.class));
	frotz_put(f, &two);
	cr_assert_not(psref_held(&f->f_target, frobbotzim.class));
	curlwp_bindx(bound);
	frotz_destroy(7);
}

/* ---- Readers, holders and a writer ---- */

static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) wrong, held;

static void *
reader(void *arg)
{
	(void)arg;
	/* relaxed: seen sooner or later. */
	for (unsigned i = 0; !sync_load_relaxed(&stop); i++) {
		const int key = (int)(i % KEYS);
		struct psref psref;
		const struct frotz *f;
		int value = key, bound;

		if (frotz_value(key, &value) == 0 && value != key)
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&wrong, 1);
		bound = curlwp_bind();
		f = frotz_get(key, &psref);
		if (f != NULL) {
			sched_yield();
			if (f->f_value != key)
				/* relaxed: a count. */
				sync_fetch_add_relaxed(&wrong, 1);
			frotz_put(f, &psref);
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&held, 1);
		}
		curlwp_bindx(bound);
	}
	return NULL;
}

Test(compat_netbsd, stress_nothing_is_freed_in_use, .timeout = 60)
{
	const unsigned long n = stress_n(300);
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, reader, NULL), 0);
	/* relaxed: only counts. */
	for (unsigned long i = 0; i < n || sync_load_relaxed(&held) < 10; i++) {
		const int key = (int)(i % KEYS);

		if (frotz_destroy(key) != 0)
			frotz_create(key);
		if (i % 8 == 0)
			sched_yield();
	}
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	/* relaxed: joined. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
	for (int key = 0; key < KEYS; key++)
		frotz_destroy(key);
}

static void *
release_later(void *arg)
{
	struct frotz *f = arg;

	for (int i = 0; i < 100; i++)
		sched_yield();
	f->f_value = 99;
	localcount_release(&f->f_count, &frobbotzim.cv, &frobbotzim.lock);
	return NULL;
}

Test(compat_netbsd, localcount_drain_waits_for_the_last_release)
{
	struct frotz f = {.f_value = 1};
	pthread_t t;

	localcount_init(&f.f_count);
	localcount_acquire(&f.f_count);
	cr_assert_eq(pthread_create(&t, NULL, release_later, &f), 0);
	mutex_enter(&frobbotzim.lock);
	pserialize_perform(frobbotzim.psz);
	localcount_drain(&f.f_count, &frobbotzim.cv, &frobbotzim.lock);
	cr_assert(mutex_owned(&frobbotzim.lock));
	mutex_exit(&frobbotzim.lock);
	cr_assert_eq(f.f_value, 99);
	localcount_fini(&f.f_count);
	pthread_join(t, NULL);
}

static bool ready;

static void *
signaller(void *arg)
{
	(void)arg;
	mutex_enter(&frobbotzim.lock);
	ready = true;
	cv_signal(&frobbotzim.cv);
	cv_broadcast(&frobbotzim.cv);
	mutex_exit(&frobbotzim.lock);
	return NULL;
}

Test(compat_netbsd, condvar_lets_go_of_the_mutex)
{
	pthread_t t;

	mutex_enter(&frobbotzim.lock);
	cr_assert_eq(pthread_create(&t, NULL, signaller, NULL), 0);
	while (!ready)
		cv_wait(&frobbotzim.cv, &frobbotzim.lock);
	mutex_exit(&frobbotzim.lock);
	pthread_join(t, NULL);
	cr_assert(mutex_tryenter(&frobbotzim.lock));
	mutex_exit(&frobbotzim.lock);
}

struct job {
	int number;
	atomic_queue_link_t link;
};

Test(compat_netbsd, atomic_queue_has_either_end)
{
	struct job job[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
	atomic_queue_t q;

	atomic_qinit(&q, offsetof(struct job, link));
	cr_assert_null(atomic_qpop(&q));
	atomic_qpush_fifo(&q, &job[1]);
	atomic_qpush_fifo(&q, &job[2]);
	atomic_qpush_lifo(&q, &job[0]);
	cr_assert_eq(atomic_qpeek(&q), &job[0]);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(atomic_qpop(&q), &job[i]);
	cr_assert_null(atomic_qpeek(&q));
}

Test(compat_netbsd, pcq_holds_as_many_as_asked_for)
{
	pcq_t *pcq = pcq_create(3, KM_SLEEP);
	int item[4];

	cr_assert_eq(pcq_maxitems(pcq), 3);
	cr_assert_null(pcq_peek(pcq));
	cr_assert_null(pcq_get(pcq));
	for (int i = 0; i < 3; i++)
		cr_assert(pcq_put(pcq, &item[i]));
	cr_assert_not(pcq_put(pcq, &item[3]));
	cr_assert_eq(pcq_peek(pcq), &item[0]);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pcq_get(pcq), &item[i]);
	cr_assert_null(pcq_get(pcq));
	pcq_destroy(pcq);
}
