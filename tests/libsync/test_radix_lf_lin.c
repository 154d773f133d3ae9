/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Is the longest match linearizable?  All histories of small prefix sets: three
 * bit keys, every start set of up to three prefixes near one address, every
 * sequence of one to three edits there, alone or together in transactions, and
 * every interleaving of the loads of one lookup with the stores of the edits
 * (tests/lin/replay.h).
 *
 * An answer is legal if the set of prefixes had it at some instant between the
 * lookup's first and last load.  Two trees that are edited in place, in the two
 * usual ways, must be caught; radix_lf must not.  Of radix_lf each version that
 * is published is checked for the invariants of radix_lf.c, too.
 */

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/libsync/radix_lf_item.h"
#include "tests/libsync/swing_trie.h"
#include "tests/lin/replay.h"

#define WIDTH   3
#define OPS_MAX 3
#define SEEN    256

/* Prefixes on the way of address 000, and the siblings of that way. */
static const struct prefix {
	uint8_t key;
	uint8_t bits;
} near[] = {
    {0x00, 0},
    {0x00, 1},
    {0x80, 1},
    {0x00, 2},
    {0x40, 2},
    {0x00, 3},
    {0x20, 3},
};

#define NEAR ((int)(sizeof(near) / sizeof(near[0])))

static const uint8_t address = 0x00;

/* ---- The trees ---- */

struct tree {
	void (*put)(struct item *it);
	void (*remove)(const struct prefix *p);
	const void *(*lookup)(const uint8_t *key, unsigned bits);
	void (*clear)(void);
};

static void
swing_take_out(const struct prefix *p)
{
	swing_remove(p->key, p->bits);
}

static const struct tree swing_tree = {
    swing_put, swing_take_out, swing_lookup, swing_clear};

/* radix_lf itself. */
static struct radix_lf *rlf;
static struct radix_lf_txn *txn; /* NULL: one commit for each edit */

static void
rlf_put(struct item *it)
{
	void *old;

	cr_assert_eq(txn != NULL ? radix_lf_txn_replace(txn, it, &old)
				 : radix_lf_replace(rlf, it, &old),
	    0);
}

static void
rlf_remove(const struct prefix *p)
{
	void *old;

	cr_assert_eq(txn != NULL
			 ? radix_lf_txn_remove(txn, &p->key, p->bits, &old)
			 : radix_lf_remove(rlf, &p->key, p->bits, &old),
	    0);
}

static const void *
rlf_lookup(const uint8_t *key, unsigned bits)
{
	return radix_lf_lookup(rlf, key, bits);
}

static const void *
rlf_exact(const uint8_t *key, unsigned bits)
{
	return radix_lf_exact(rlf, key, bits);
}

static bool
any(void *item, void *arg)
{
	(void)item, (void)arg;
	return true;
}

static const void *
rlf_next(const uint8_t *key, unsigned bits)
{
	return radix_lf_next(rlf, key, bits);
}

static const void *
rlf_prev(const uint8_t *key, unsigned bits)
{
	return radix_lf_prev(rlf, key, bits);
}

/* Other ways to ask for the longest match. */
static const void *
rlf_lookup_if(const uint8_t *key, unsigned bits)
{
	return radix_lf_lookup_if(rlf, key, bits, any, NULL);
}

static const void *
rlf_covered(const uint8_t *key, unsigned bits)
{
	return radix_lf_covered(rlf, key, bits, any, NULL);
}

static void
rlf_clear(void)
{
	void *old;

	for (int i = 0; i < NEAR; i++)
		radix_lf_remove(rlf, &near[i].key, near[i].bits, &old);
}

static const struct tree rlf_tree = {
    rlf_put, rlf_remove, rlf_lookup, rlf_clear};
static const struct tree rlf_exact_tree = {
    rlf_put, rlf_remove, rlf_exact, rlf_clear};
static const struct tree rlf_next_tree = {
    rlf_put, rlf_remove, rlf_next, rlf_clear};
static const struct tree rlf_prev_tree = {
    rlf_put, rlf_remove, rlf_prev, rlf_clear};
static const struct tree rlf_lookup_if_tree = {
    rlf_put, rlf_remove, rlf_lookup_if, rlf_clear};
static const struct tree rlf_covered_tree = {
    rlf_put, rlf_remove, rlf_covered, rlf_clear};

/* Is it one of those? */
static bool
rlf_is(const struct tree *tree)
{
	return tree->clear == rlf_clear;
}

/* ---- Versions ---- */

/* Branches below a root that was published, as they were then. */
static struct {
	const struct radix_lf_branch *at;
	struct radix_lf_valued was;
} seen[SEEN];
static unsigned int nseen;
static unsigned long versions;

static void
keep_branch(const struct radix_lf_branch *b)
{
	const size_t size =
	    radix_lf_has_val(b) ? sizeof(struct radix_lf_valued) : sizeof(*b);
	unsigned int i = 0;

	while (i < nseen && seen[i].at != b)
		i++;
	if (i == nseen) {
		cr_assert_lt(nseen, SEEN);
		seen[nseen].at = b;
		memcpy(&seen[nseen++].was, b, size);
	}
	cr_assert_eq(memcmp(&seen[i].was, b, size), 0,
	    "a branch that was published was changed");
}

/* I1 to I4 below ref; the bits before from are settled. */
static size_t
check_branch(char *ref, unsigned int from)
{
	struct radix_lf_branch *b;
	const struct item *val;
	unsigned int bit, things;
	size_t items = 0;

	if (ref == NULL)
		return 0;
	if (!radix_lf_is_branch(ref)) {
		cr_assert_geq(item_bits(ref), from);
		return 1;
	}
	b = radix_lf_branch(ref);
	bit = radix_lf_bit(b);
	val = radix_lf_val(b);
	things = (val != NULL) + (b->child[0] != NULL) + (b->child[1] != NULL);
	keep_branch(b);
	cr_assert(bit >= from && bit <= WIDTH);
	cr_assert(things >= 2 && (val == NULL || item_bits(val) == bit));
	for (unsigned int i = 0; i < 2; i++)
		items += check_branch(b->child[i], bit + 1);
	return items + (val != NULL);
}

static void
check_version(void *arg, unsigned int now)
{
	/* acquire: traced; the only thread. */
	const size_t items = check_branch(sync_load_acquire(&rlf->root), 0);

	(void)arg, (void)now;
	cr_assert_leq(items, NEAR);
	versions++;
}

/* ---- Histories ---- */

/* The prefixes that are there, each with its item. */
struct state {
	const struct item *it[NEAR];
};

static struct item items[NEAR + OPS_MAX];
static struct state state[OPS_MAX + 1]; /* before and after each commit */
static struct replay_change changes[OPS_MAX];
static unsigned int commits;
static enum {
	LONGEST,
	EXACT,
	NEXT,
	PREV
} want;
static bool aborts;       /* a transaction that is not committed comes first */
static unsigned ask_bits; /* length of the address asked for */
static enum replay_grace grace;

static struct {
	unsigned long histories, schedules, bad_histories, met;
	bool bad;
} found;

static struct item *
make_item(int slot, const struct prefix *p)
{
	items[slot] = (struct item){.bits = p->bits, .key = {p->key}};
	return &items[slot];
}

static bool
before(const struct prefix *a, const struct prefix *b)
{
	return item_before(&a->key, a->bits, &b->key, b->bits);
}

/* The item after the address, or before it. */
static const void *
neighbour(const struct state *s)
{
	const struct prefix from = {address, (uint8_t)ask_bits};
	int best = -1;

	for (int i = 0; i < NEAR; i++) {
		const struct prefix *p = &near[i];

		if (s->it[i] == NULL ||
		    !(want == NEXT ? before(&from, p) : before(p, &from)))
			continue;
		if (best < 0 || (want == NEXT ? before(p, &near[best])
					      : before(&near[best], p)))
			best = i;
	}
	return best < 0 ? NULL : s->it[best];
}

static const void *
answer(const struct state *s)
{
	const void *best = NULL;

	if (want == NEXT || want == PREV)
		return neighbour(s);
	for (int i = 0; i < NEAR; i++) /* in order of length */
		if (s->it[i] != NULL && near[i].bits <= ask_bits &&
		    (want != EXACT || near[i].bits == ask_bits) &&
		    item_same(&near[i].key, &address, near[i].bits))
			best = s->it[i];
	return best;
}

static uint64_t
look(void *arg)
{
	const struct tree *tree = arg;

	return (uintptr_t)tree->lookup(&address, ask_bits);
}

/* Did the set have this answer between the first and the last load? */
static void
judge(void *arg, uint64_t got, const struct replay_run *run)
{
	bool ok = false;

	(void)arg;
	for (unsigned int i = 0; i <= commits && !ok; i++) {
		if (i > 0 && !replay_begun(run, &changes[i - 1]))
			break;
		if (i < commits && replay_over(run, &changes[i]))
			continue;
		ok = (uintptr_t)answer(&state[i]) == got;
	}
	found.bad = found.bad || !ok;
	found.met += run->to != 0;
	/* Three visits for a bit, with two loads each as a rule. */
	cr_assert_leq(run->loads, 1 + 2 * 3 * (WIDTH + 1));
}

static void
run_reader(const struct tree *tree)
{
	struct tree t = *tree;

	found.bad = false;
	found.schedules += replay_readers(look, judge, &t);
	found.histories++;
	found.bad_histories += found.bad;
	if (grace == REPLAY_LATE && rlf_is(tree)) {
		nseen = 0;
		replay_each(check_version, NULL);
	}
}

/* op: i puts near[i], NEAR + i removes it.  Returns: false if it cannot. */
static bool
apply(const struct tree *tree, int op, int n, struct state *s)
{
	const int i = op % NEAR;

	if (op >= NEAR) {
		if (s->it[i] == NULL)
			return false;
		tree->remove(&near[i]);
		s->it[i] = NULL;
		return true;
	}
	s->it[i] = make_item(NEAR + n, &near[i]);
	tree->put(&items[NEAR + n]);
	return true;
}

/* All that op says, and then nothing of it. */
static bool
forget(const struct tree *tree, const int op[], int nops)
{
	struct state s = state[0];
	bool ok = true;

	cr_assert_eq(radix_lf_txn_begin(rlf, &txn), 0);
	for (int n = 0; ok && n < nops; n++)
		ok = apply(tree, op[n], n, &s);
	radix_lf_txn_abort(txn);
	txn = NULL;
	return ok;
}

/* An edit is in one commit with the next one if its bit of together is set. */
static bool
run_writer(
    const struct tree *tree, const int op[], int nops, unsigned int together)
{
	bool ok = !aborts || forget(tree, op, nops);

	commits = 0;
	for (int n = 0; ok && n < nops; n++) {
		const bool more = (together >> n & 1) != 0;

		if (n == 0 || (together >> (n - 1) & 1) == 0) {
			replay_turn();
			changes[commits].begin = replay_now();
			state[commits + 1] = state[commits];
			if (more)
				cr_assert_eq(radix_lf_txn_begin(rlf, &txn), 0);
		}
		ok = apply(tree, op[n], n, &state[commits + 1]);
		if (more)
			continue;
		if (txn != NULL)
			radix_lf_txn_commit(txn);
		txn = NULL;
		changes[commits++].end = replay_now();
	}
	if (txn != NULL)
		radix_lf_txn_abort(txn);
	txn = NULL;
	return ok;
}

static void
run_history(const struct tree *tree, int start, const int op[], int nops,
    unsigned int together)
{
	uint64_t section;
	bool ok;

	tree->clear();
	state[0] = (struct state){.it = {NULL}};
	for (int i = 0; i < NEAR; i++)
		if ((start >> i & 1) != 0) {
			state[0].it[i] = make_item(i, &near[i]);
			tree->put(&items[i]);
		}
	replay_begin(grace);
	ok = run_writer(tree, op, nops, together);
	replay_end();
	section = pserialize_read_enter();
	if (ok)
		run_reader(tree);
	pserialize_read_exit(section);
}

/* From all sets of up to so many prefixes; txns: in all groupings, too. */
static void
explore(const struct tree *tree, int nops, int most, bool txns)
{
	int op[OPS_MAX], codes = 1;

	memset(&found, 0, sizeof(found));
	versions = 0;
	for (int i = 0; i < nops; i++)
		codes *= 2 * NEAR;
	for (int start = 0; start < 1 << NEAR; start++) {
		if (__builtin_popcount((unsigned)start) > most)
			continue;
		for (int code = 0; code < codes; code++) {
			for (int i = 0, c = code; i < nops; i++, c /= 2 * NEAR)
				op[i] = c % (2 * NEAR);
			for (unsigned int t = 0;
			     t < (txns ? 1u << (nops - 1) : 1); t++)
				run_history(tree, start, op, nops, t);
		}
	}
	tree->clear();
	fprintf(stderr,
	    "%d edits: %lu histories, %lu schedules, %lu histories not "
	    "linearizable\n",
	    nops, found.histories, found.schedules, found.bad_histories);
}

static void
setup(void)
{
	const struct radix_lf_config cfg = item_config(WIDTH);

	ask_bits = WIDTH;
	cr_assert_eq(radix_lf_create(&cfg, &rlf), 0);
}

static void
teardown(void)
{
	radix_lf_destroy(rlf);
}

TestSuite(radix_lf_lin, .init = setup, .fini = teardown);

Test(radix_lf_lin, edits_in_place_are_caught, .timeout = 60)
{
	swing.replaces_nodes = false;
	explore(&swing_tree, 1, 3, false);
	cr_assert_eq(found.bad_histories, 0); /* why simple tests miss it */
	explore(&swing_tree, 2, 3, false);
	cr_assert_gt(found.bad_histories, 0);
	explore(&swing_tree, 3, 2, false);
	cr_assert_gt(found.bad_histories, 0);
}

Test(radix_lf_lin, nodes_replaced_in_place_are_caught, .timeout = 60)
{
	swing.replaces_nodes = true;
	explore(&swing_tree, 1, 3, false);
	cr_assert_eq(found.bad_histories, 0);
	explore(&swing_tree, 2, 3, false);
	cr_assert_gt(found.bad_histories, 0);
	explore(&swing_tree, 3, 2, false);
	cr_assert_gt(found.bad_histories, 0);
}

static void
must_be_linearizable(const struct tree *tree, int nops, int most)
{
	explore(tree, nops, most, true);
	cr_assert_eq(found.bad_histories, 0);
	cr_assert_gt(found.met, found.histories / 4);
}

Test(radix_lf_lin, lookup_is_linearizable, .timeout = 60)
{
	must_be_linearizable(&rlf_tree, 1, 3);
	must_be_linearizable(&rlf_tree, 2, 3);
	cr_assert_gt(versions, found.histories);
	must_be_linearizable(&rlf_tree, 3, 2);
}

/* Branches are used again while the history goes on. */
Test(radix_lf_lin, lookup_meets_no_branch_that_is_used_again, .timeout = 60)
{
	grace = REPLAY_SOON;
	must_be_linearizable(&rlf_tree, 2, 3);
	must_be_linearizable(&rlf_tree, 3, 2);
}

Test(radix_lf_lin, grace_periods_that_do_not_wait_are_caught, .timeout = 60)
{
	grace = REPLAY_VOID;
	explore(&rlf_tree, 3, 2, true);
	cr_assert_gt(found.bad_histories, 0);
}

/* A transaction that is given up leaves no trace: nothing that readers see. */
Test(radix_lf_lin, lookup_sees_nothing_of_an_abort, .timeout = 60)
{
	aborts = true;
	must_be_linearizable(&rlf_tree, 2, 3);
	cr_assert_gt(versions, found.histories);
}

Test(radix_lf_lin, exact_is_linearizable, .timeout = 60)
{
	want = EXACT;
	for (ask_bits = 0; ask_bits <= WIDTH; ask_bits++)
		must_be_linearizable(&rlf_exact_tree, 2, 3);
}

Test(radix_lf_lin, next_and_prev_are_linearizable, .timeout = 60)
{
	for (ask_bits = 0; ask_bits <= WIDTH; ask_bits++) {
		want = NEXT;
		must_be_linearizable(&rlf_next_tree, 2, 3);
		want = PREV;
		must_be_linearizable(&rlf_prev_tree, 2, 3);
	}
}

Test(radix_lf_lin, lookup_if_is_linearizable, .timeout = 60)
{
	must_be_linearizable(&rlf_lookup_if_tree, 2, 3);
}

/* Asked for the longest key, nothing else is covered by it. */
Test(radix_lf_lin, covered_is_linearizable, .timeout = 60)
{
	want = EXACT;
	must_be_linearizable(&rlf_covered_tree, 2, 3);
}

/* ---- Reclamation ---- */

static struct item churned[2 * NEAR];

/* Enough edits for all memory of the tree to be used again, if it may be. */
static void
churn(void)
{
	void *old;

	for (int i = 0; i < 1000; i++) {
		struct item *it = &churned[i % (2 * NEAR)];
		const struct prefix *p = &near[i % NEAR];

		*it = (struct item){.bits = p->bits, .key = {p->key}};
		cr_assert_eq(radix_lf_replace(rlf, it, &old), 0);
	}
	for (int i = 0; i < NEAR; i++)
		cr_assert_eq(
		    radix_lf_remove(rlf, &near[i].key, near[i].bits, &old), 0);
}

/*
 * Take branches out before their memory is used again.  With ALL each would be
 * copied first, so there are PAIR, whose branch goes with the first of them.
 */
#define ALL  ((1 << NEAR) - 1)
#define PAIR (1 << 5 | 1 << 6)

static void
remove_and_churn(void)
{
	rlf_clear();
	churn();
}

static unsigned int stop_at;    /* before this load of the reader ... */
static void (*stop_with)(void); /* ... the writer does this */
static unsigned int loads;

static void
count_loads(void)
{
	if (loads++ != stop_at)
		return;
	replay_hook = NULL;
	stop_with();
}

/* Stop a lookup before its load number n and turn the tree over. */
static bool
stop_lookup(unsigned int n, int start, void (*turn_over)(void))
{
	const uint64_t section = pserialize_read_enter();
	bool stopped;

	for (int i = 0; i < NEAR; i++)
		if ((start >> i & 1) != 0)
			rlf_put(make_item(i, &near[i]));
	loads = 0;
	stop_at = n;
	stop_with = turn_over;
	replay_hook = count_loads;
	cr_assert_eq(rlf_lookup(&address, WIDTH), &items[5]);
	stopped = replay_hook == NULL;
	replay_hook = NULL;
	if (!stopped)
		rlf_clear();
	pserialize_read_exit(section);
	return stopped;
}

static void
stop_everywhere(int start, void (*turn_over)(void))
{
	unsigned int n = 1; /* it has the root */

	while (stop_lookup(n, start, turn_over))
		n++;
	cr_assert_gt(n, 3);
}

Test(radix_lf_lin, stopped_reader_keeps_its_version, .timeout = 60)
{
	stop_everywhere(ALL, churn);
}

Test(radix_lf_lin, stopped_reader_keeps_what_is_removed, .timeout = 60)
{
	stop_everywhere(PAIR, remove_and_churn);
}
