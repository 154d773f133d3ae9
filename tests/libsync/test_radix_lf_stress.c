/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One writer, readers and a snapshot walker at full speed.  The writer repeats
 * a cycle of commits that was run through a list beforehand, so the right
 * answer of every version is known.  A reader notes the number of commits that
 * had ended before its lookup and that had begun after it: the answer must be
 * that of some version between.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/base/atomic.h"
#include "tests/libsync/radix_lf_item.h"
#include "tests/stress.h"

#define PREFIXES  24
#define COMMITS   256 /* in a cycle; the tree is empty at its ends */
#define EDITS_MAX 8
#define ADDRESSES 16
#define READERS   2
#define NOTHING   0

struct edit {
	int prefix;
	unsigned stamp; /* of the item put, NOTHING to remove it */
};

/* One commit, and what is right after it. */
static struct version {
	struct edit edit[EDITS_MAX];
	int edits;
	unsigned there[PREFIXES];   /* stamp, NOTHING if not there */
	unsigned answer[ADDRESSES]; /* stamp */
	unsigned count;
} cycle[COMMITS];

static struct prefix {
	uint8_t key[4];
	unsigned bits;
} prefix[PREFIXES];

static uint8_t address[ADDRESSES][4];

static struct radix_lf *t;
static unsigned long wanted; /* commits */
static SYNC_ATOMIC(unsigned long) begun, ended;
static SYNC_ATOMIC(unsigned long) lookups, walks, overlaps;
static SYNC_ATOMIC(bool) stop;
static uint64_t seed;

static uint32_t
rnd(uint64_t *state, uint32_t below)
{
	/* xorshift64*, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static void
make_prefixes(void)
{
	for (int i = 0; i < PREFIXES; i++) {
		bool taken = true;

		while (taken) {
			struct prefix *p = &prefix[i];

			p->key[0] = (uint8_t)(rnd(&seed, 4) << 6);
			p->key[1] = (uint8_t)(rnd(&seed, 4) << 6);
			p->key[2] = 0;
			p->key[3] = (uint8_t)rnd(&seed, 2);
			p->bits = rnd(&seed, 33);
			taken = false;
			for (int j = 0; j < i; j++)
				if (prefix[j].bits == p->bits &&
				    item_same(prefix[j].key, p->key, p->bits))
					taken = true;
		}
	}
	for (int i = 0; i < ADDRESSES; i++)
		memcpy(address[i], prefix[i].key, 4);
}

static void
fill_answers(struct version *v)
{
	v->count = 0;
	for (int p = 0; p < PREFIXES; p++)
		v->count += v->there[p] != NOTHING;
	for (int a = 0; a < ADDRESSES; a++) {
		int best = -1;

		for (int p = 0; p < PREFIXES; p++)
			if (v->there[p] != NOTHING &&
			    item_same(
				prefix[p].key, address[a], prefix[p].bits) &&
			    (best < 0 || prefix[p].bits > prefix[best].bits))
				best = p;
		v->answer[a] = best < 0 ? NOTHING : v->there[best];
	}
}

static void
make_cycle(void)
{
	unsigned stamp = NOTHING, there[PREFIXES] = {NOTHING};

	for (int i = 0; i < COMMITS; i++) {
		struct version *v = &cycle[i];
		const int clear = i - (COMMITS - PREFIXES);

		v->edits = rnd(&seed, 2) ? 1 : 1 + (int)rnd(&seed, EDITS_MAX);
		if (clear >= 0)
			v->edits = 1;
		for (int e = 0; e < v->edits; e++) {
			const int p =
			    clear >= 0 ? clear : (int)rnd(&seed, PREFIXES);

			there[p] =
			    clear < 0 && rnd(&seed, 3) != 0 ? ++stamp : NOTHING;
			v->edit[e] = (struct edit){p, there[p]};
		}
		memcpy(v->there, there, sizeof(there));
		fill_answers(v);
	}
	cr_assert_eq(cycle[COMMITS - 1].count, 0);
}

static void
free_item(struct pserialize_head *head)
{
	memset(head, 0xdd, sizeof(struct item));
	free(head);
}

static void
run_edit(struct radix_lf_txn *txn, const struct edit *e, void **out)
{
	const struct prefix *p = &prefix[e->prefix];
	struct item *it;

	*out = NULL;
	if (e->stamp == NOTHING) {
		radix_lf_txn_remove(txn, p->key, p->bits, out);
		return;
	}
	it = item_new(p->key, p->bits);
	it->stamp = e->stamp;
	cr_assert_eq(radix_lf_txn_replace(txn, it, out), 0);
}

static void
run_commit(const struct version *v)
{
	struct radix_lf_txn *txn;
	void *out[EDITS_MAX];

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	for (int e = 0; e < v->edits; e++)
		run_edit(txn, &v->edit[e], &out[e]);
	radix_lf_txn_commit(txn);
	for (int e = 0; e < v->edits; e++)
		if (out[e] != NULL)
			radix_lf_retire(
			    t, &((struct item *)out[e])->head, free_item);
}

static void
write_all(void)
{
	unsigned long n = 0;

	/* relaxed: statistics only. */
	while (n < wanted || n % COMMITS != 0 ||
	       sync_load_relaxed(&lookups) < 1000 ||
	       sync_load_relaxed(&overlaps) == 0 ||
	       sync_load_relaxed(&walks) < 10) {
		/*
		 * relaxed: the commit's own release covers it.  A stronger one
		 * would hide from TSan a grace period that is missing.
		 */
		sync_store_relaxed(&begun, n + 1);
		run_commit(&cycle[n % COMMITS]);
		/* release: after all of the commit. */
		sync_store_release(&ended, ++n);
		if (n % 32 == 0)
			sched_yield();
	}
}

/* The version after n commits; before the first it is that of the last. */
static const struct version *
version(unsigned long n)
{
	return &cycle[(n + COMMITS - 1) % COMMITS];
}

static void
check_answer(int a, const struct item *it, unsigned long from, unsigned long to)
{
	const unsigned got = it != NULL ? it->stamp : NOTHING;

	if (it != NULL)
		cr_assert(item_same(it->key, address[a], it->bits));
	if (to - from >= COMMITS)
		return; /* all versions */
	for (unsigned long n = from; n <= to; n++)
		if (version(n)->answer[a] == got)
			return;
	cr_assert_fail("no version had this answer");
}

static void *
reader(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg + 1;

	/* relaxed: the end need not come at once. */
	while (!sync_load_relaxed(&stop)) {
		const uint64_t s = pserialize_read_enter();

		for (int i = 0; i < 32; i++) {
			const int a = (int)rnd(&state, ADDRESSES);
			unsigned long from, to;
			const struct item *it;

			/* acquire: before the lookup. */
			from = sync_load_acquire(&ended);
			it = radix_lf_lookup(t, address[a], 32);
			/* relaxed: the lookup's acquire keeps it behind. */
			to = sync_load_relaxed(&begun);
			check_answer(a, it, from, to);
			if (to > from)
				/* relaxed: statistics only. */
				sync_fetch_add_relaxed(&overlaps, 1);
			if (i % 8 == 0)
				sched_yield();
		}
		pserialize_read_exit(s);
		/* relaxed: statistics only. */
		sync_fetch_add_relaxed(&lookups, 32);
	}
	return NULL;
}

static bool
same_contents(const struct version *v, const struct item *const at[PREFIXES])
{
	for (int p = 0; p < PREFIXES; p++)
		if (v->there[p] != (at[p] != NULL ? at[p]->stamp : NOTHING))
			return false;
	return true;
}

static void
check_snapshot(
    const struct radix_lf_snap *snap, unsigned long from, unsigned long to)
{
	const struct item *at[PREFIXES] = {NULL}, *it;
	size_t n = 0;

	for (int p = 0; p < PREFIXES; p++)
		at[p] =
		    radix_lf_snap_exact(snap, prefix[p].key, prefix[p].bits);
	for (it = radix_lf_snap_next(snap, NULL, 0); it != NULL;
	     it = radix_lf_snap_next(snap, it->key, it->bits)) {
		n++;
		if (n % 4 == 0)
			sched_yield();
	}
	cr_assert_eq(n, radix_lf_snap_count(snap));
	if (to - from >= COMMITS)
		return;
	for (unsigned long v = from; v <= to; v++)
		if (same_contents(version(v), at) && version(v)->count == n)
			return;
	cr_assert_fail("no version had these contents");
}

static void *
walker(void *arg)
{
	struct radix_lf_snap *held[3] = {NULL};
	unsigned long from[3], to[3];
	unsigned turn = 0;

	(void)arg;
	/* relaxed: the end need not come at once. */
	while (!sync_load_relaxed(&stop)) {
		const unsigned i = turn++ % 3;

		if (held[i] != NULL) {
			check_snapshot(held[i], from[i], to[i]);
			radix_lf_snap_close(held[i]);
		}
		/* acquire: before the snapshot. */
		from[i] = sync_load_acquire(&ended);
		cr_assert_eq(radix_lf_snap_open(t, &held[i]), 0);
		/* relaxed: the snapshot's mutex keeps it behind. */
		to[i] = sync_load_relaxed(&begun);
		/* relaxed: statistics only. */
		sync_fetch_add_relaxed(&walks, 1);
		sched_yield();
	}
	for (int i = 0; i < 3; i++)
		if (held[i] != NULL)
			radix_lf_snap_close(held[i]);
	return NULL;
}

Test(radix_lf_stress, stress_answers_are_those_of_a_version, .timeout = 120)
{
	const struct radix_lf_config cfg = item_config(32);
	pthread_t thread[READERS + 1];

	seed = 88172645463325252ULL;
	make_prefixes();
	make_cycle();
	wanted = stress_n(60000);
	cr_assert_eq(radix_lf_create(&cfg, &t), 0);
	for (uintptr_t i = 0; i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, (void *)i), 0);
	cr_assert_eq(pthread_create(&thread[READERS], NULL, walker, NULL), 0);
	write_all();
	/* relaxed: the end need not come at once. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i <= READERS; i++)
		pthread_join(thread[i], NULL);
	/* relaxed: the threads have ended. */
	fprintf(stderr, "%lu commits, %lu lookups, %lu overlapped, %lu walks\n",
	    sync_load_relaxed(&ended), sync_load_relaxed(&lookups),
	    sync_load_relaxed(&overlaps), sync_load_relaxed(&walks));
	cr_assert_gt(sync_load_relaxed(&overlaps), 0);
	cr_assert_eq(radix_lf_count(t), 0);
	radix_lf_destroy(t);
}
