/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Is the longest match linearizable?  All histories of small prefix sets: three
 * bit keys, every start set of up to three prefixes near one address, every
 * sequence of one or two edits there, and every interleaving of the loads of
 * one lookup with the stores of the edits.
 *
 * The writer runs first and its stores are logged.  Then the lookup runs again
 * and again: before each of its loads, time may move on to any later store to
 * the very field that it is about to load (moving on past stores to other
 * fields changes nothing that this load sees).  Time moves by redoing logged
 * stores in real memory, so both sides are the code itself.
 *
 * An answer is legal if the set of prefixes had it at some instant between the
 * lookup's first and last load.  Two trees that are edited in place, in the two
 * usual ways, must be caught; radix_lf must not.
 */

#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/libsync/radix_lf_item.h"
#include "tests/libsync/radix_lf_trace.h"

#define WIDTH     3
#define OPS_MAX   2
#define LOG_MAX   512
#define CHOICES   64
#define NODES_MAX 64

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

#define NEAR     ((int)(sizeof(near) / sizeof(near[0])))
#define NOT_USED (-1)

static const uint8_t address = 0x00;

/* ---- The log and the reader's time ---- */

static struct {
	void *field;
	size_t size;
	uintptr_t old, new;
} history[LOG_MAX];

static int stores, now;
static enum {
	TRACE_OFF,
	TRACE_WRITER,
	TRACE_READER,
	TRACE_STOP,
} tracing;

static struct {
	int taken; /* which of the moments */
	int total; /* how many there were */
} choice[CHOICES];

static int nchoices, depth;
static int began; /* time of the first load, -1 before it */
static int loads, late_changes;
static int stop_at;        /* TRACE_STOP: before this load of the reader ... */
static void (*stop)(void); /* ... the writer does this */

static void
poke(void *field, size_t size, uintptr_t value)
{
	memcpy(field, &value, size);
}

void
trace_store(void *field, size_t size, uintptr_t value)
{
	if (tracing == TRACE_WRITER) {
		cr_assert_lt(stores, LOG_MAX);
		history[stores].field = field;
		history[stores].size = size;
		history[stores].old = 0;
		memcpy(&history[stores].old, field, size);
		history[stores++].new = value;
	}
	poke(field, size, value);
}

static void
forward_to(int t)
{
	for (; now < t; now++)
		poke(history[now].field, history[now].size, history[now].new);
}

static void
back_to_start(void)
{
	for (; now > 0; now--)
		poke(history[now - 1].field, history[now - 1].size,
		    history[now - 1].old);
}

/* When, after n changes to field from now on, is the last of them done? */
static int
moment(const void *field, int n)
{
	int t = now;

	for (int i = now; n > 0 && i < stores; i++)
		if (history[i].field == field) {
			t = i + 1;
			n--;
		}
	return n == 0 ? t : -1;
}

void
trace_load(const void *field)
{
	int total = 1;

	if (tracing == TRACE_STOP && loads++ == stop_at) {
		tracing = TRACE_OFF;
		stop();
	}
	if (tracing != TRACE_READER)
		return;
	while (moment(field, total) >= 0)
		total++;
	if (total > 1) {
		cr_assert_lt(depth, CHOICES);
		if (loads > 0)
			late_changes++;
		if (depth == nchoices) {
			choice[depth].taken = 0;
			choice[depth].total = total;
			nchoices++;
		}
		forward_to(moment(field, choice[depth++].taken));
	}
	if (loads++ == 0)
		began = now;
}

/* Set up the next schedule.  Returns: false if all have been run. */
static bool
next_schedule(void)
{
	while (nchoices > 0 &&
	       choice[nchoices - 1].taken + 1 == choice[nchoices - 1].total)
		nchoices--;
	if (nchoices == 0)
		return false;
	choice[nchoices - 1].taken++;
	return true;
}

/* ---- The trees ---- */

struct tree {
	void (*put)(struct item *it);
	void (*remove)(const struct prefix *p);
	const void *(*lookup)(const uint8_t *key, unsigned bits);
	void (*clear)(void);
};

/* A tree of the common kind: links are swung in the live tree. */
struct node {
	uint8_t key;
	unsigned bits;
	struct item *val;
	struct node *child[2];
};

static struct node node[NODES_MAX], *top;
static int nodes;
static bool replaces_nodes; /* else a node's val is stored in place */

static unsigned
bit_of(uint8_t key, unsigned i)
{
	return key >> (7 - i) & 1;
}

static struct node *
node_new(uint8_t key, unsigned bits, struct item *val, struct node *c0,
    struct node *c1)
{
	struct node *n = &node[nodes++];

	cr_assert_leq(nodes, NODES_MAX);
	*n = (struct node){key, bits, val, {c0, c1}};
	return n;
}

static void
swing_put(struct item *it)
{
	const uint8_t key = it->key[0];
	struct node **slot = &top, *n, *pair[2];
	unsigned c;

	while ((n = *slot) != NULL && n->bits < it->bits &&
	       item_same(&n->key, &key, n->bits))
		slot = &n->child[bit_of(key, n->bits)];
	if (n == NULL) {
		TRACE_STORE(*slot, node_new(key, it->bits, it, NULL, NULL));
		return;
	}
	if (n->bits == it->bits && item_same(&n->key, &key, n->bits)) {
		if (replaces_nodes)
			TRACE_STORE(*slot, node_new(n->key, n->bits, it,
					       n->child[0], n->child[1]));
		else
			TRACE_STORE(n->val, it);
		return;
	}
	for (c = 0; c < n->bits && c < it->bits; c++)
		if (bit_of(key, c) != bit_of(n->key, c))
			break;
	if (c == it->bits) {
		pair[bit_of(n->key, c)] = n;
		pair[!bit_of(n->key, c)] = NULL;
		TRACE_STORE(*slot, node_new(key, c, it, pair[0], pair[1]));
		return;
	}
	pair[bit_of(n->key, c)] = n;
	pair[bit_of(key, c)] = node_new(key, it->bits, it, NULL, NULL);
	TRACE_STORE(*slot, node_new(key, c, NULL, pair[0], pair[1]));
}

static void
swing_remove(const struct prefix *p)
{
	struct node **slot = &top, **above = NULL, *n = top;

	while (n->bits < p->bits) {
		above = slot;
		slot = &n->child[bit_of(p->key, n->bits)];
		n = *slot;
	}
	if (n->child[0] != NULL && n->child[1] != NULL) {
		if (replaces_nodes)
			TRACE_STORE(*slot, node_new(n->key, n->bits, NULL,
					       n->child[0], n->child[1]));
		else
			TRACE_STORE(n->val, NULL);
	} else if (n->child[0] != NULL || n->child[1] != NULL) {
		TRACE_STORE(*slot, n->child[n->child[0] == NULL]);
	} else if (above != NULL && (*above)->val == NULL) {
		struct node *u = *above;

		TRACE_STORE(*above, u->child[!bit_of(p->key, u->bits)]);
	} else {
		TRACE_STORE(*slot, NULL);
	}
}

static const void *
swing_lookup(const uint8_t *key, unsigned bits)
{
	const struct item *best = NULL, *val;
	struct node *n = TRACE_LOAD(top);

	while (
	    n != NULL && n->bits <= bits && item_same(&n->key, key, n->bits)) {
		val = TRACE_LOAD(n->val);
		if (val != NULL)
			best = val;
		if (n->bits == bits)
			break;
		n = TRACE_LOAD(n->child[bit_of(*key, n->bits)]);
	}
	return best;
}

static void
swing_clear(void)
{
	nodes = 0;
	top = NULL;
}

static const struct tree swing_tree = {
    swing_put, swing_remove, swing_lookup, swing_clear};

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
static const struct tree rlf_lookup_if_tree = {
    rlf_put, rlf_remove, rlf_lookup_if, rlf_clear};
static const struct tree rlf_covered_tree = {
    rlf_put, rlf_remove, rlf_covered, rlf_clear};

/* ---- Histories ---- */

/* The prefixes that are there, each with its item. */
struct state {
	const struct item *it[NEAR];
};

static struct item items[NEAR + OPS_MAX];
static struct state state[OPS_MAX + 1]; /* before and after each edit */
static int started[OPS_MAX], ended[OPS_MAX];
static int edits; /* as the reader may tell them apart */
static bool one_txn, want_exact;
static unsigned ask_bits; /* length of the address asked for */

static struct {
	unsigned long histories, schedules, bad_histories;
} found;

static struct item *
make_item(int slot, const struct prefix *p)
{
	items[slot] = (struct item){.bits = p->bits, .key = {p->key}};
	return &items[slot];
}

static const void *
answer(const struct state *s)
{
	const void *best = NULL;

	for (int i = 0; i < NEAR; i++) /* in order of length */
		if (s->it[i] != NULL && near[i].bits <= ask_bits &&
		    (!want_exact || near[i].bits == ask_bits) &&
		    item_same(&near[i].key, &address, near[i].bits))
			best = s->it[i];
	return best;
}

/* Did the set have this answer between began and now? */
static bool
is_legal(const void *got)
{
	for (int i = 0; i <= edits; i++) {
		if (i > 0 && started[i - 1] >= now)
			break;
		if (i < edits && ended[i] <= began)
			continue;
		if (answer(&state[i]) == got)
			return true;
	}
	return false;
}

static void
run_reader(const struct tree *tree)
{
	bool bad = false;

	nchoices = 0;
	do {
		const void *got;

		back_to_start();
		depth = loads = 0;
		tracing = TRACE_READER;
		got = tree->lookup(&address, ask_bits);
		tracing = TRACE_OFF;
		/* Three loads for a branch, three visits for a bit. */
		cr_assert_leq(loads, 1 + 3 * 3 * (WIDTH + 1));
		bad = bad || !is_legal(got);
		found.schedules++;
	} while (next_schedule());
	forward_to(stores);
	found.histories++;
	found.bad_histories += bad;
}

/* op: i puts near[i], NEAR + i removes it.  Returns: false if it cannot. */
static bool
apply(const struct tree *tree, int op, int n)
{
	const int i = op % NEAR;

	state[n + 1] = state[n];
	if (op >= NEAR) {
		if (state[n].it[i] == NULL)
			return false;
		tree->remove(&near[i]);
		state[n + 1].it[i] = NULL;
		return true;
	}
	state[n + 1].it[i] = make_item(NEAR + n, &near[i]);
	tree->put(&items[NEAR + n]);
	return true;
}

static bool
run_writer(const struct tree *tree, const int op[], int nops)
{
	bool ok = true;

	stores = 0;
	tracing = TRACE_WRITER;
	if (one_txn)
		cr_assert_eq(radix_lf_txn_begin(rlf, &txn), 0);
	for (int n = 0; ok && n < nops; n++) {
		started[n] = stores;
		ok = apply(tree, op[n], n);
		ended[n] = stores;
	}
	if (one_txn) {
		radix_lf_txn_commit(txn);
		txn = NULL;
		started[0] = 0;
		ended[0] = stores;
		state[1] = state[nops];
	}
	tracing = TRACE_OFF;
	now = stores;
	edits = one_txn ? 1 : nops;
	return ok;
}

static void
run_history(const struct tree *tree, int start, const int op[], int nops)
{
	uint64_t section;

	tree->clear();
	state[0] = (struct state){.it = {NULL}};
	for (int i = 0; i < NEAR; i++)
		if ((start >> i & 1) != 0) {
			state[0].it[i] = make_item(i, &near[i]);
			tree->put(&items[i]);
		}
	section = pserialize_read_enter();
	if (run_writer(tree, op, nops))
		run_reader(tree);
	pserialize_read_exit(section);
}

static void
explore(const struct tree *tree, int nops)
{
	memset(&found, 0, sizeof(found));
	late_changes = 0;
	for (int start = 0; start < 1 << NEAR; start++) {
		if (__builtin_popcount((unsigned)start) > 3)
			continue;
		for (int a = 0; a < 2 * NEAR; a++) {
			const int b_end = nops > 1 ? 2 * NEAR : 1;

			for (int b = 0; b < b_end; b++) {
				const int op[OPS_MAX] = {a, b};

				run_history(tree, start, op, nops);
			}
		}
	}
	tree->clear();
	fprintf(stderr, "%lu histories, %lu schedules, %lu not linearizable\n",
	    found.histories, found.schedules, found.bad_histories);
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
	replaces_nodes = false;
	explore(&swing_tree, 1);
	cr_assert_eq(found.bad_histories, 0); /* why simple tests miss it */
	explore(&swing_tree, 2);
	cr_assert_gt(found.bad_histories, 0);
}

Test(radix_lf_lin, nodes_replaced_in_place_are_caught, .timeout = 60)
{
	replaces_nodes = true;
	explore(&swing_tree, 2);
	cr_assert_gt(found.bad_histories, 0);
}

Test(radix_lf_lin, lookup_is_linearizable, .timeout = 60)
{
	for (int nops = 1; nops <= OPS_MAX; nops++) {
		explore(&rlf_tree, nops);
		cr_assert_eq(found.bad_histories, 0);
		cr_assert_gt(found.schedules, found.histories);
		/* Once it has the root, nothing changes under a reader. */
		cr_assert_eq(late_changes, 0);
	}
}

Test(radix_lf_lin, lookup_sees_a_transaction_as_one_edit, .timeout = 60)
{
	one_txn = true;
	explore(&rlf_tree, 2);
	cr_assert_eq(found.bad_histories, 0);
	cr_assert_gt(found.schedules, found.histories);
	cr_assert_eq(late_changes, 0);
}

Test(radix_lf_lin, exact_is_linearizable, .timeout = 60)
{
	want_exact = true;
	for (ask_bits = 0; ask_bits <= WIDTH; ask_bits++) {
		explore(&rlf_exact_tree, 2);
		cr_assert_eq(found.bad_histories, 0);
		cr_assert_gt(found.schedules, found.histories);
		cr_assert_eq(late_changes, 0);
	}
}

Test(radix_lf_lin, lookup_if_is_linearizable, .timeout = 60)
{
	explore(&rlf_lookup_if_tree, 2);
	cr_assert_eq(found.bad_histories, 0);
	cr_assert_gt(found.schedules, found.histories);
	cr_assert_eq(late_changes, 0);
}

/* Asked for the longest key, nothing else is covered by it. */
Test(radix_lf_lin, covered_is_linearizable, .timeout = 60)
{
	want_exact = true;
	explore(&rlf_covered_tree, 2);
	cr_assert_eq(found.bad_histories, 0);
	cr_assert_gt(found.schedules, found.histories);
	cr_assert_eq(late_changes, 0);
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

/* Stop a lookup before its load number n and turn the tree over. */
static bool
stop_lookup(int n, int start, void (*turn_over)(void))
{
	const uint64_t section = pserialize_read_enter();
	bool stopped;

	for (int i = 0; i < NEAR; i++)
		if ((start >> i & 1) != 0)
			rlf_put(make_item(i, &near[i]));
	loads = 0;
	stop_at = n;
	stop = turn_over;
	tracing = TRACE_STOP;
	cr_assert_eq(rlf_lookup(&address, WIDTH), &items[5]);
	stopped = tracing == TRACE_OFF;
	tracing = TRACE_OFF;
	if (!stopped)
		rlf_clear();
	pserialize_read_exit(section);
	return stopped;
}

static void
stop_everywhere(int start, void (*turn_over)(void))
{
	int n = 1; /* it has the root */

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
