/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/gate.h"
#include "tests/libsync/pool_item.h"

#define MAGAZINE 8U
#define MANY     1000U

static struct percpu_pool *p;
static struct pool_item *held[MANY];
static uint64_t inits;

static void
init(void *object, void *arg)
{
	struct pool_item *it = object;

	cr_assert_eq(it->made, 0);
	cr_assert_eq(it->owner, 0);
	it->made = ++*(uint64_t *)arg;
}

static void
make(bool grace, unsigned max)
{
	const struct percpu_pool_config cfg = {
	    .size = sizeof(struct pool_item),
	    .magazine = MAGAZINE,
	    .max = max,
	    .grace = grace,
	    .init = init,
	    .arg = &inits,
	};

	cr_assert_eq(percpu_pool_create(&cfg, &p), 0);
}

static void
alloc_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		held[i] = percpu_pool_alloc(p);
		cr_assert_not_null(held[i]);
	}
}

static void
free_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		percpu_pool_free(p, held[i]);
}

/* Nothing that was freed before is too young any more. */
static void
age(void)
{
	pserialize_perform();
}

Test(percpu_pool, create_rejects_bad_config)
{
	struct percpu_pool *none = NULL;
	struct percpu_pool_config cfg = {.size = 0};

	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cfg.size = SIZE_MAX;
	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cfg.size = 8;
	cfg.align = 24;
	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cfg.align = 128;
	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cfg.align = 0;
	cfg.magazine = PERCPU_POOL_MAGAZINE_MAX + 1;
	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cfg.magazine = 0;
	cfg.max = PERCPU_POOL_OBJECTS_MAX + 1;
	cr_assert_eq(percpu_pool_create(&cfg, &none), -EINVAL);
	cr_assert_null(none);
}

Test(percpu_pool, objects_are_apart_aligned_and_initialised_once)
{
	static const size_t sizes[] = {1, 8, 24, 40, 64, 100, 1500};
	static const size_t aligns[] = {0, 8, 16, 32, 64};

	for (size_t s = 0; s < 7; s++)
		for (size_t a = 0; a < 5; a++) {
			const struct percpu_pool_config cfg = {
			    .size = sizes[s], .align = aligns[a]};
			const size_t align = aligns[a] != 0 ? aligns[a] : 16;
			void *object[200];

			cr_assert_eq(percpu_pool_create(&cfg, &p), 0);
			for (int i = 0; i < 200; i++) {
				object[i] = percpu_pool_alloc(p);
				cr_assert_eq((uintptr_t)object[i] % align, 0);
				memset(object[i], i, sizes[s]);
			}
			for (int i = 0; i < 200; i++) {
				const unsigned char *b = object[i];

				for (size_t n = 0; n < sizes[s]; n++)
					cr_assert_eq(b[n], (unsigned char)i);
				percpu_pool_free(p, object[i]);
			}
			percpu_pool_destroy(p);
		}
}

static void
check_contents_survive(bool grace)
{
	make(grace, 0);
	alloc_all(MANY);
	for (unsigned i = 0; i < MANY; i++)
		held[i]->owner = held[i]->made * 3;
	free_all(MANY);
	age();
	alloc_all(MANY);
	for (unsigned i = 0; i < MANY; i++)
		if (held[i]->owner != 0)
			cr_assert_eq(held[i]->owner, held[i]->made * 3);
	cr_assert_eq(pool_stats(p).objects, inits);
	free_all(MANY);
	percpu_pool_destroy(p);
}

Test(percpu_pool, contents_survive_free)
{
	check_contents_survive(false);
	inits = 0;
	check_contents_survive(true);
}

Test(percpu_pool, freed_object_is_used_again_at_once_without_grace)
{
	struct pool_item *it;

	make(false, 0);
	it = percpu_pool_alloc(p);
	percpu_pool_free(p, it);
	cr_assert_eq(percpu_pool_alloc(p), it);
	percpu_pool_free(p, it);
	percpu_pool_destroy(p);
}

Test(percpu_pool, memory_is_bounded_by_what_was_in_use)
{
	make(false, 0);
	for (int i = 0; i < 50; i++) {
		alloc_all(MANY);
		free_all(MANY);
	}
	/* A slab more, and they grow by a quarter of what there is. */
	cr_assert_lt(pool_stats(p).objects, MANY + MANY / 2);
	percpu_pool_destroy(p);
}

Test(percpu_pool, with_grace_memory_is_bounded_while_readers_leave)
{
	make(true, 0);
	for (int i = 0; i < 50; i++) {
		const uint64_t s = pserialize_read_enter();

		alloc_all(MANY);
		pserialize_read_exit(s);
		free_all(MANY);
	}
	/* What is in use, freed and too young, freed meanwhile, and a slab. */
	cr_assert_lt(pool_stats(p).objects, 4 * MANY + MANY / 2);
	percpu_pool_destroy(p);
}

Test(percpu_pool, max_is_kept_and_all_of_it_is_found)
{
	make(false, 100);
	alloc_all(100);
	cr_assert_null(percpu_pool_alloc(p));
	cr_assert_null(percpu_pool_tryalloc(p));
	cr_assert_eq(pool_stats(p).failures, 2);
	cr_assert_eq(pool_stats(p).objects, 100);
	percpu_pool_free(p, held[7]);
	cr_assert_eq(percpu_pool_tryalloc(p), held[7]);
	free_all(100);
	alloc_all(100);
	free_all(100);
	percpu_pool_destroy(p);
}

Test(percpu_pool, tryalloc_makes_no_object)
{
	make(false, 0);
	cr_assert_null(percpu_pool_tryalloc(p));
	cr_assert_eq(percpu_pool_reserve(p, 50), 0);
	cr_assert_geq(pool_stats(p).objects, 50);
	for (int i = 0; i < 50; i++) {
		held[i] = percpu_pool_tryalloc(p);
		cr_assert_not_null(held[i]);
	}
	cr_assert_eq(pool_stats(p).threads, 0);
	free_all(50);
	percpu_pool_destroy(p);
}

Test(percpu_pool, reserve_knows_its_limit)
{
	make(false, 100);
	cr_assert_eq(percpu_pool_reserve(p, 101), -EINVAL);
	cr_assert_eq(percpu_pool_reserve(p, 100), 0);
	cr_assert_eq(percpu_pool_reserve(p, 100), 0);
	cr_assert_eq(pool_stats(p).objects, 100);
	percpu_pool_destroy(p);
}

Test(percpu_pool, statistics_count)
{
	make(false, 0);
	alloc_all(10);
	percpu_pool_free(p, held[0]);
	cr_assert_eq(pool_stats(p).allocs, 10);
	cr_assert_eq(pool_stats(p).in_use, 9);
	cr_assert_eq(pool_stats(p).threads, 1);
	held[0] = percpu_pool_alloc(p);
	free_all(10);
	cr_assert_eq(pool_stats(p).in_use, 0);
	percpu_pool_destroy(p);
}

/* ---- Grace ---- */

Test(percpu_pool, object_is_not_used_again_while_a_reader_stays)
{
	uint64_t s;

	make(true, 4 * MAGAZINE);
	alloc_all(4 * MAGAZINE);
	s = pserialize_read_enter();
	free_all(4 * MAGAZINE);
	percpu_pool_flush(p);
	for (int i = 0; i < 10; i++)
		cr_assert_null(percpu_pool_alloc(p));
	cr_assert_gt(pool_stats(p).waits, 0);
	pserialize_read_exit(s);
	age();
	alloc_all(4 * MAGAZINE);
	free_all(4 * MAGAZINE);
	percpu_pool_destroy(p);
}

/* It pushes the grace periods on that it needs; nobody else does. */
Test(percpu_pool, object_is_used_again_once_readers_have_left)
{
	make(true, 4 * MAGAZINE);
	for (int i = 0; i < 100; i++) {
		alloc_all(4 * MAGAZINE);
		free_all(4 * MAGAZINE);
		percpu_pool_flush(p);
	}
	cr_assert_eq(pool_stats(p).failures, 0);
	percpu_pool_destroy(p);
}

Test(percpu_pool, more_objects_are_made_instead_of_waiting)
{
	uint64_t s;

	make(true, 0);
	alloc_all(100);
	s = pserialize_read_enter();
	for (int i = 0; i < 20; i++) {
		free_all(100);
		percpu_pool_flush(p);
		alloc_all(100);
	}
	cr_assert_geq(pool_stats(p).objects, 21 * 100);
	pserialize_read_exit(s);
	free_all(100);
	percpu_pool_destroy(p);
}

Test(percpu_pool, free_by_a_thread_without_magazines_waits_for_readers)
{
	uint64_t s;

	make(true, 10);
	cr_assert_eq(percpu_pool_reserve(p, 10), 0);
	for (int i = 0; i < 10; i++)
		held[i] = percpu_pool_tryalloc(p);
	s = pserialize_read_enter();
	free_all(10);
	cr_assert_eq(pool_stats(p).threads, 0);
	cr_assert_null(percpu_pool_tryalloc(p));
	pserialize_read_exit(s);
	for (int i = 0; i < 10; i++) {
		held[i] = percpu_pool_tryalloc(p);
		cr_assert_not_null(held[i]);
	}
	free_all(10);
	percpu_pool_destroy(p);
}

static struct gate reading;

static void *
read_freed(void *arg)
{
	const uint64_t s = pserialize_read_enter();

	gate_open(&reading, 1);
	gate_linger();
	cr_assert_neq(held[0]->made, 0); /* the memory is there */
	gate_open(&reading, 2);
	pserialize_read_exit(s);
	return arg;
}

Test(percpu_pool, destroy_waits_for_readers_with_grace)
{
	pthread_t t;

	make(true, 0);
	alloc_all(1);
	cr_assert_eq(pthread_create(&t, NULL, read_freed, NULL), 0);
	gate_wait(&reading, 1);
	free_all(1);
	percpu_pool_destroy(p);
	cr_assert(gate_is_open(&reading, 2));
	pthread_join(t, NULL);
}

/* ---- Threads ---- */

static void
on_thread(void *(*fn)(void *))
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, NULL), 0);
	pthread_join(t, NULL);
}

static void *
alloc_and_free_all(void *arg)
{
	(void)arg;
	alloc_all(40);
	free_all(40);
	return NULL;
}

static void
check_thread_leaves_nothing_behind(bool grace)
{
	make(grace, 40);
	on_thread(alloc_and_free_all);
	cr_assert_eq(pool_stats(p).threads, 0);
	cr_assert_eq(pool_stats(p).allocs, 40);
	age();
	alloc_all(40);
	cr_assert_null(percpu_pool_alloc(p));
	free_all(40);
	percpu_pool_destroy(p);
}

Test(percpu_pool, thread_that_ends_gives_back_all)
{
	check_thread_leaves_nothing_behind(false);
	check_thread_leaves_nothing_behind(true);
}

static void *
free_by_another(void *arg)
{
	(void)arg;
	free_all(40);
	return NULL;
}

Test(percpu_pool, object_may_be_freed_by_another_thread)
{
	make(false, 40);
	alloc_all(40);
	on_thread(free_by_another);
	cr_assert_eq(pool_stats(p).in_use, 0);
	alloc_all(40);
	free_all(40);
	percpu_pool_destroy(p);
}

static struct gate gate;

static void *
idle(void *arg)
{
	(void)arg;
	cr_assert_eq(percpu_pool_attach(p), 0);
	alloc_all(60);
	free_all(60);
	gate_open(&gate, 1);
	gate_wait(&gate, 2);
	percpu_pool_flush(p);
	gate_open(&gate, 3);
	gate_wait(&gate, 4);
	return NULL;
}

Test(percpu_pool, idle_thread_keeps_two_magazines_until_it_flushes)
{
	struct pool_item *got[60];
	unsigned n = 0;
	pthread_t t;

	make(false, 60);
	cr_assert_eq(pthread_create(&t, NULL, idle, NULL), 0);
	gate_wait(&gate, 1);
	while ((got[n] = percpu_pool_alloc(p)) != NULL)
		n++;
	cr_assert_geq(n, 60 - 2 * MAGAZINE);
	cr_assert_lt(n, 60);
	gate_open(&gate, 2);
	gate_wait(&gate, 3);
	while (n < 60 && (got[n] = percpu_pool_alloc(p)) != NULL)
		n++;
	cr_assert_eq(n, 60);
	gate_open(&gate, 4);
	pthread_join(t, NULL);
	while (n > 0)
		percpu_pool_free(p, got[--n]);
	percpu_pool_destroy(p);
}

/* ---- Many pools ---- */

#define POOLS 40

Test(percpu_pool, pools_are_separate_and_their_ids_are_used_again)
{
	static struct percpu_pool *pool[POOLS];
	static void *object[POOLS];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < POOLS; i++) {
			const struct percpu_pool_config cfg = {
			    .size = 16 * (i + 1)};

			cr_assert_eq(percpu_pool_create(&cfg, &pool[i]), 0);
			object[i] = percpu_pool_alloc(pool[i]);
			memset(object[i], (int)i, 16 * (i + 1));
		}
		for (size_t i = 0; i < POOLS; i++) {
			const size_t at = (i * 7) % POOLS;

			cr_assert_eq(*(unsigned char *)object[at], at);
			cr_assert_eq(pool_stats(pool[at]).in_use, 1);
			percpu_pool_free(pool[at], object[at]);
			percpu_pool_destroy(pool[at]);
		}
	}
}

static void *
use_and_stay(void *arg)
{
	(void)arg;
	percpu_pool_free(p, percpu_pool_alloc(p));
	gate_open(&gate, 1);
	gate_wait(&gate, 2);
	percpu_pool_free(p, percpu_pool_alloc(p));
	return NULL;
}

Test(percpu_pool, thread_forgets_a_pool_that_is_destroyed)
{
	pthread_t t;

	make(false, 10);
	cr_assert_eq(pthread_create(&t, NULL, use_and_stay, NULL), 0);
	gate_wait(&gate, 1);
	percpu_pool_destroy(p);
	make(false, 20); /* with the same id */
	gate_open(&gate, 2);
	pthread_join(t, NULL);
	cr_assert_eq(pool_stats(p).allocs, 1);
	cr_assert_eq(pool_stats(p).objects, 20);
	percpu_pool_destroy(p);
}

static void *
use_once_and_stay(void *arg)
{
	percpu_pool_free(p, percpu_pool_alloc(p));
	gate_open(&gate, 1);
	gate_wait(&gate, 2);
	return arg;
}

Test(percpu_pool, thread_may_end_after_a_pool_that_it_used)
{
	pthread_t t;

	make(false, 10);
	cr_assert_eq(pthread_create(&t, NULL, use_once_and_stay, NULL), 0);
	gate_wait(&gate, 1);
	percpu_pool_destroy(p);
	gate_open(&gate, 2);
	pthread_join(t, NULL);
}

/* ---- Fork ---- */

static void *
stay(void *arg)
{
	(void)arg;
	alloc_all(60);
	free_all(60);
	gate_open(&gate, 1);
	gate_wait(&gate, 2);
	return NULL;
}

static void
child(void)
{
	unsigned n = 0;

	while (percpu_pool_alloc(p) != NULL)
		n++;
	/* Ours, the other's that lay in the depot, none twice. */
	if (n + pool_stats(p).lost != 90)
		_exit(1);
	if (pool_stats(p).lost > (uint64_t)2 * MAGAZINE)
		_exit(2);
	percpu_pool_destroy(p);
	_exit(0);
}

static void
check_fork(bool grace)
{
	pthread_t t;
	int status;
	pid_t pid;

	gate_open(&gate, 0);
	make(grace, 100);
	cr_assert_eq(pthread_create(&t, NULL, stay, NULL), 0);
	gate_wait(&gate, 1);
	age();
	alloc_all(10);
	pid = fork();
	if (pid == 0)
		child();
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	free_all(10);
	gate_open(&gate, 2);
	pthread_join(t, NULL);
	age();
	alloc_all(100);
	free_all(100);
	percpu_pool_destroy(p);
}

Test(percpu_pool, forked_child_has_all_but_the_magazines_of_others)
{
	check_fork(false);
	check_fork(true);
}

/* ---- Broken contracts end the program ---- */

Test(percpu_pool, destroy_with_an_object_in_use_aborts, .signal = SIGABRT)
{
	make(false, 0);
	cr_assert_not_null(percpu_pool_alloc(p));
	percpu_pool_destroy(p);
}

Test(percpu_pool, second_free_aborts, .signal = SIGABRT)
{
	struct pool_item *it;

	make(false, 0);
	it = percpu_pool_alloc(p);
	percpu_pool_free(p, it);
	percpu_pool_free(p, it);
}

Test(percpu_pool, free_into_another_pool_aborts, .signal = SIGABRT)
{
	struct percpu_pool *other;

	make(false, 0);
	percpu_pool_free(p, percpu_pool_alloc(p));
	other = p;
	make(false, 0);
	percpu_pool_free(p, percpu_pool_alloc(p));
	percpu_pool_free(p, percpu_pool_alloc(other));
}
