/* SPDX-License-Identifier: BSD-2-Clause */

/* What the simulator itself promises: one test, or failure, for each. */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsync/base/pair.h"
#include "libsync/port/cas16.h"
#include "tests/wsim/wsim.h"

static int ran; /* fresh in each execution */

static void *
none(void *arg)
{
	return arg;
}

/* Fibres and their memory. */

static __thread int own = 7;
static int *addresses[2];

static void *
count_own(void *arg)
{
	const int me = *(int *)arg;

	wsim_assert(own == 7);
	addresses[me] = &own;
	for (int i = 0; i < 3; i++) {
		own += me + 1;
		wsim_yield();
	}
	wsim_assert(own == 7 + 3 * (me + 1));
	return NULL;
}

WSIM_TEST(thread_locals_are_the_fibres_own)
{
	static int ids[] = {0, 1};

	(void)wsim_spawn(count_own, &ids[0]);
	(void)wsim_spawn(count_own, &ids[1]);
	wsim_join_all();
	wsim_assert(addresses[0] != addresses[1] && addresses[0] != &own);
}

WSIM_TEST(static_memory_is_fresh)
{
	wsim_assert(ran == 0);
	ran++;
}

WSIM_TEST(ended_fibres_make_room)
{
	for (int i = 0; i < 20; i++)
		(void)wsim_join(wsim_spawn(none, NULL));
}

/* Heap. */

WSIM_MUST_FAIL(use_after_free, WSIM_UAF)
{
	int *p = malloc(sizeof(*p));

	*p = 1;
	free(p);
	*p = 2;
}

WSIM_MUST_FAIL(access_behind_a_block, WSIM_UAF)
{
	char *p = calloc(1, 20);

	wsim_assert(p[20] == 0);
}

WSIM_MUST_FAIL(double_free, WSIM_FREE)
{
	void *p = malloc(8);

	free(p);
	free(p);
}

WSIM_TEST(blocks_are_counted)
{
	void *p = malloc(8);

	wsim_assert(wsim_blocks() == 1);
	free(p);
	wsim_assert(wsim_blocks() == 0);
}

WSIM_MUST_FAIL(allocation_fails_when_told, WSIM_ASSERT)
{
	wsim_alloc_fails(4);
	wsim_assert(malloc(8) != NULL);
}

/* Ends of other kinds. */

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t two = PTHREAD_MUTEX_INITIALIZER;

static void *
lock_two_one(void *arg)
{
	pthread_mutex_lock(&two);
	pthread_mutex_lock(&one);
	pthread_mutex_unlock(&one);
	pthread_mutex_unlock(&two);
	return arg;
}

WSIM_MUST_FAIL(deadlock, WSIM_DEADLOCK)
{
	(void)wsim_spawn(lock_two_one, NULL);
	pthread_mutex_lock(&one);
	pthread_mutex_lock(&two);
	pthread_mutex_unlock(&two);
	pthread_mutex_unlock(&one);
}

WSIM_MUST_FAIL(endless_loop, WSIM_STEPS)
{
	(void)wsim_spawn(none, NULL);
	for (;;)
		wsim_yield();
}

WSIM_MUST_FAIL(abort_is_a_failure, WSIM_ASSERT)
{
	abort();
}

WSIM_MUST_FAIL(wild_pointer, WSIM_CRASH)
{
	struct {
		int *p;
	} *wild = malloc(sizeof(*wild));

	*wild->p = 1; /* new memory is garbage */
}

static SYNC_ATOMIC(uint32_t) word;

WSIM_MUST_FAIL(mixed_sizes_are_refused, WSIM_MISUSE)
{
	/* relaxed: alone. */
	sync_store_relaxed(&word, 1);
	(void)__atomic_load_n((char *)&word.v, __ATOMIC_RELAXED);
}

/* Bytes of one word that belong to different fibres are no race. */
static struct {
	bool a, b;
} flags;

static void *
set_a(void *arg)
{
	flags.a = true;
	return arg;
}

WSIM_TEST(neighbouring_bytes_do_not_race)
{
	(void)wsim_spawn(set_a, NULL);
	flags.b = true;
	wsim_join_all();
	wsim_assert(flags.a && flags.b);
}

static void *
read_word(void *arg)
{
	(void)arg;
	/* relaxed: races with the plain store. */
	(void)sync_load_relaxed(&word);
	return NULL;
}

WSIM_MUST_FAIL(plain_store_races_with_atomic_load, WSIM_RACE)
{
	(void)wsim_spawn(read_word, NULL);
	sync_init(&word, 1);
}

/* Pairs of words. */

static struct sync_pair pair;

static void *
add_to_both(void *arg)
{
	struct sync_pair_value seen, want;

	for (int i = 0; i < 2; i++) {
		/* relaxed: the exchange checks both. */
		seen.lo = sync_load_relaxed(&pair.lo);
		/* relaxed: as above. */
		seen.hi = sync_load_relaxed(&pair.hi);
		do {
			want.lo = seen.lo + 1;
			want.hi = seen.hi + 2;
			/* acq_rel: whoever sees one half sees the other. */
		} while (!sync_cas16_acq_rel(&pair, &seen, want));
	}
	return arg;
}

WSIM_TEST(pairs_are_exchanged_as_one)
{
	(void)wsim_spawn(add_to_both, NULL);
	(void)wsim_spawn(add_to_both, NULL);
	wsim_join_all();
	/* relaxed: alone, here and below. */
	wsim_assert(sync_load_relaxed(&pair.lo) == 4);
	/* relaxed: as above. */
	wsim_assert(sync_load_relaxed(&pair.hi) == 8);
}

static void *
read_halves(void *arg)
{
	uint64_t lo, hi;

	(void)arg;
	/* acquire: the other half is at least as new. */
	lo = sync_load_acquire(&pair.lo);
	/* relaxed: as above. */
	hi = sync_load_relaxed(&pair.hi);
	wsim_assert(hi >= 2 * lo);
	return NULL;
}

WSIM_TEST(half_of_a_pair_leads_to_the_other)
{
	(void)wsim_spawn(add_to_both, NULL);
	(void)wsim_spawn(read_halves, NULL);
	wsim_join_all();
}

/* Interrupts. */

static int depth, handled;

static void
handler(void *arg)
{
	(void)arg;
	wsim_assert(depth != 2);
	handled++;
}

static void *
interrupted(void *arg)
{
	(void)arg;
	wsim_interrupt(wsim_self(), handler, NULL);
	for (depth = 0; depth < 2; depth++)
		wsim_yield();
	wsim_mask();
	wsim_yield();
	wsim_yield();
	depth = 3;
	wsim_unmask();
	return NULL;
}

WSIM_TEST(masked_fibre_is_not_interrupted)
{
	(void)wsim_spawn(interrupted, NULL);
	wsim_join_all();
	wsim_assert(handled <= 1);
}

static void *
sets_depth(void *arg)
{
	wsim_interrupt(wsim_self(), handler, NULL);
	depth = 1;
	wsim_yield();
	depth = 2;
	wsim_yield();
	depth = 0;
	return arg;
}

WSIM_MUST_FAIL(interrupt_comes_at_any_point, WSIM_ASSERT)
{
	(void)wsim_spawn(sets_depth, NULL);
}

/* Processors. */

static void *
stays(void *arg)
{
	unsigned cpu;

	wsim_pin();
	cpu = wsim_cpu();
	wsim_yield();
	wsim_yield();
	wsim_assert(wsim_cpu() == cpu && cpu < 2);
	wsim_unpin();
	return arg;
}

WSIM_TEST(pinned_fibre_stays)
{
	wsim_cpus(2);
	(void)wsim_spawn(stays, NULL);
	(void)wsim_spawn(stays, NULL);
}

static void *
moves(void *arg)
{
	const int cpu = sched_getcpu();

	wsim_yield();
	wsim_assert(sched_getcpu() == cpu);
	return arg;
}

WSIM_MUST_FAIL(fibre_moves_between_processors, WSIM_ASSERT)
{
	wsim_cpus(2);
	(void)wsim_spawn(moves, NULL);
}

/* What stands for libc. */

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int plain;

static void *
wait_for_plain(void *arg)
{
	pthread_mutex_lock(&one);
	while (plain == 0)
		pthread_cond_wait(&changed, &one);
	pthread_mutex_unlock(&one);
	return arg;
}

WSIM_TEST(mutex_and_condition_order)
{
	pthread_t t;
	void *ret;

	wsim_assert(pthread_create(&t, NULL, wait_for_plain, &plain) == 0);
	pthread_mutex_lock(&one);
	plain = 1;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&one);
	wsim_assert(pthread_join(t, &ret) == 0 && ret == &plain);
	wsim_assert(usleep(1) == 0);
}

WSIM_MUST_FAIL(signal_before_the_wait_is_lost, WSIM_DEADLOCK)
{
	pthread_t t;

	wsim_assert(pthread_create(&t, NULL, wait_for_plain, NULL) == 0);
	pthread_cond_signal(&changed);
	(void)pthread_join(t, NULL);
}

static void
key_gone(void *p)
{
	*(int *)p = 5;
}

static void *
set_key(void *arg)
{
	pthread_key_t key;

	wsim_assert(pthread_key_create(&key, key_gone) == 0);
	wsim_assert(pthread_setspecific(key, arg) == 0);
	wsim_assert(pthread_getspecific(key) == arg);
	return NULL;
}

WSIM_TEST(destructors_run_at_the_end_of_their_thread)
{
	pthread_t t;

	wsim_assert(pthread_create(&t, NULL, set_key, &plain) == 0);
	wsim_assert(pthread_join(t, NULL) == 0);
	wsim_assert(plain == 5);
}

static void *
hold_signals(void *arg)
{
	sigset_t all, old;

	sigfillset(&all);
	wsim_interrupt(wsim_self(), handler, NULL);
	wsim_assert(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
	depth = 2;
	wsim_yield();
	depth = 0;
	wsim_assert(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	return arg;
}

WSIM_TEST(blocked_signals_wait)
{
	(void)wsim_spawn(hold_signals, NULL);
}
