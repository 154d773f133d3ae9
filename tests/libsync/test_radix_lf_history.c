/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Recorded histories of the prefix tree under real threads: bursts of lookups
 * and edits of two writers that share a mutex, and a long run of one writer
 * whose every version is known, against lookups and snapshots.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "tests/libsync/radix_lf_item.h"
#include "tests/lin/lin.h"
#include "tests/stress.h"

#define THREADS 4 /* the first two write */
#define WRITERS 2
#define OPS     6

/* Nested, and beside each other; two addresses match nothing but /0. */
static const struct lin_lpm table = {
    .prefixes = 6,
    .addresses = 5,
    .prefix = {{0, 0}, {0x0a000000, 8}, {0x0a010000, 16}, {0x0a010200, 24},
	{0x0a800000, 9}, {0x0a010203, 32}},
    .address = {0x0a010203, 0x0a010204, 0x0a020304, 0x0a900000, 0xc0000201},
};

static struct radix_lf *t;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

static void
setup(void)
{
	const struct radix_lf_config cfg = item_config(32);

	cr_assert_eq(radix_lf_create(&cfg, &t), 0);
}

static void
teardown(void)
{
	radix_lf_destroy(t);
	pserialize_barrier();
}

TestSuite(radix_lf_history, .init = setup, .fini = teardown);

static void
bytes(uint32_t word, uint8_t key[4])
{
	for (int i = 0; i < 4; i++)
		key[i] = (uint8_t)(word >> (24 - 8 * i));
}

static struct item *
make(unsigned prefix, unsigned stamp)
{
	struct item *it;
	uint8_t key[4];

	bytes(table.prefix[prefix].key, key);
	it = item_new(key, table.prefix[prefix].bits);
	it->stamp = stamp;
	return it;
}

static void
free_item(struct pserialize_head *head)
{
	free(head);
}

/* The stamp of an item that was taken out, LIN_NONE for none. */
static unsigned
taken(struct item *it)
{
	unsigned stamp;

	if (it == NULL)
		return LIN_NONE;
	stamp = it->stamp;
	radix_lf_retire(t, &it->head, free_item);
	return stamp;
}

static void
match(struct lin_log *log, unsigned address)
{
	struct lin_op *op = lin_begin(log, LIN_MATCH, address);
	const uint64_t s = pserialize_read_enter();
	const struct item *it;
	uint8_t key[4];

	bytes(table.address[address], key);
	it = radix_lf_lookup(t, key, 32);
	lin_end(log, op, it != NULL ? it->stamp : LIN_NONE);
	pserialize_read_exit(s);
}

static void
exact(struct lin_log *log, unsigned prefix)
{
	struct lin_op *op = lin_begin(log, LIN_LOOKUP, prefix);
	const uint64_t s = pserialize_read_enter();
	const struct item *it;
	uint8_t key[4];

	bytes(table.prefix[prefix].key, key);
	it = radix_lf_exact(t, key, table.prefix[prefix].bits);
	lin_end(log, op, it != NULL ? it->stamp : LIN_NONE);
	pserialize_read_exit(s);
}

static void
insert(struct lin_log *log, unsigned prefix, unsigned stamp)
{
	struct item *it = make(prefix, stamp);
	struct lin_op *op = lin_begin(log, LIN_INSERT, prefix);
	int error;

	op->arg2 = stamp;
	pthread_mutex_lock(&writers);
	error = radix_lf_insert(t, it);
	pthread_mutex_unlock(&writers);
	lin_end(log, op, error == 0 ? LIN_DONE : LIN_REFUSED);
	if (error != 0)
		free(it);
}

static void
replace(struct lin_log *log, unsigned prefix, unsigned stamp)
{
	struct item *it = make(prefix, stamp);
	struct lin_op *op = lin_begin(log, LIN_REPLACE, prefix);
	void *old = NULL;

	op->arg2 = stamp;
	pthread_mutex_lock(&writers);
	cr_assert_eq(radix_lf_replace(t, it, &old), 0);
	pthread_mutex_unlock(&writers);
	lin_end(log, op, taken(old));
}

static void
take(struct lin_log *log, unsigned prefix)
{
	struct lin_op *op = lin_begin(log, LIN_REMOVE, prefix);
	void *old = NULL;
	uint8_t key[4];

	bytes(table.prefix[prefix].key, key);
	pthread_mutex_lock(&writers);
	(void)radix_lf_remove(t, key, table.prefix[prefix].bits, &old);
	pthread_mutex_unlock(&writers);
	lin_end(log, op, taken(old));
}

/* Two prefixes change at one instant: the first goes, the second comes. */
static void
transact(struct lin_log *log, unsigned a, unsigned b, unsigned stamp)
{
	struct item *it = make(b, stamp);
	struct lin_op *op = lin_begin(log, LIN_TXN, 0);
	void *gone = NULL, *old = NULL;
	struct radix_lf_txn *txn;
	uint8_t key[4];

	bytes(table.prefix[a].key, key);
	pthread_mutex_lock(&writers);
	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	(void)radix_lf_txn_remove(txn, key, table.prefix[a].bits, &gone);
	cr_assert_eq(radix_lf_txn_replace(txn, it, &old), 0);
	radix_lf_txn_commit(txn);
	pthread_mutex_unlock(&writers);
	lin_end(log, op, LIN_DONE);
	op->n = 4;
	op->list[0] = (uint8_t)a;
	op->list[1] = LIN_NONE;
	op->list[2] = (uint8_t)b;
	op->list[3] = (uint8_t)stamp;
	taken(gone);
	taken(old);
}

static void
write_once(struct lin_log *log, uint64_t *rnd, unsigned stamp)
{
	const unsigned a = lin_rnd(rnd, table.prefixes);

	switch (lin_rnd(rnd, 4)) {
	case 0:
		insert(log, a, stamp);
		break;
	case 1:
		replace(log, a, stamp);
		break;
	case 2:
		take(log, a);
		break;
	default:
		transact(log, a, (a + 1) % table.prefixes, stamp);
	}
}

static void
act(void *arg, struct lin_log *log, uint64_t *rnd)
{
	(void)arg;
	for (unsigned i = 0; i < OPS; i++) {
		if (log->thread < WRITERS)
			write_once(log, rnd, 1 + log->thread * OPS + i);
		else if (lin_rnd(rnd, 3) == 0)
			exact(log, lin_rnd(rnd, table.prefixes));
		else
			match(log, lin_rnd(rnd, table.addresses));
	}
}

static void
settle(void *arg, struct lin_log *log)
{
	(void)arg;
	for (unsigned a = 0; a < table.addresses; a++)
		match(log, a);
	for (unsigned p = 0; p < table.prefixes; p++)
		take(log, p);
}

Test(radix_lf_history, stress_bursts_are_linearizable, .timeout = 100)
{
	static const struct lin_spec spec = LIN_LPM(&table);
	const struct lin_burst b = {.spec = &spec,
	    .threads = THREADS,
	    .bursts = stress_n(500),
	    .act = act,
	    .settle = settle};
	struct lin_result res;

	cr_assert_eq(lin_run(&b, &res), LIN_OK, "%s", res.why);
	cr_assert_leq(res.gave_up, res.bursts / 10);
	cr_assert_gt(res.overlapped, 0);
}

/*
 * The long run.  Version n puts prefix n modulo all, with stamp n, in every
 * second round; in the others it takes it out.
 */
static struct lin_version version;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned int) askers; /* readers that have asked */

struct answer {
	unsigned address;
	unsigned stamp;
};

static unsigned
stamp_at(unsigned prefix, uint64_t n)
{
	const uint64_t behind = (n + table.prefixes - prefix) % table.prefixes;

	/* Version 0 is the empty tree. */
	if (n <= behind || ((n - behind) / table.prefixes) % 2 != 0)
		return LIN_NONE;
	return (unsigned)(n - behind);
}

static bool
covers(unsigned prefix, unsigned address)
{
	uint8_t a[4], b[4];

	bytes(table.prefix[prefix].key, a);
	bytes(table.address[address], b);
	return item_same(a, b, table.prefix[prefix].bits);
}

static bool
is_right(const void *arg, uint64_t n)
{
	const struct answer *a = arg;
	unsigned best = LIN_NONE, bits = 0;

	for (unsigned p = 0; p < table.prefixes; p++) {
		const unsigned stamp = stamp_at(p, n);

		if (stamp != LIN_NONE && covers(p, a->address) &&
		    table.prefix[p].bits >= bits) {
			best = stamp;
			bits = table.prefix[p].bits;
		}
	}
	return best == a->stamp;
}

struct count {
	unsigned long asked, wrong, wide; /* wide: a change ran meanwhile */
};

static void
ask(unsigned address, struct count *c)
{
	struct answer a = {.address = address};
	const struct item *it;
	struct lin_window w;
	uint8_t key[4];
	uint64_t s;

	bytes(table.address[address], key);
	s = pserialize_read_enter();
	lin_window_open(&version, &w);
	it = radix_lf_lookup(t, key, 32);
	lin_window_close(&version, &w);
	a.stamp = it != NULL ? it->stamp : LIN_NONE;
	pserialize_read_exit(s);
	c->asked++;
	c->wide += w.first != w.last;
	c->wrong += !lin_window_check(&w, is_right, &a);
}

/* All addresses in one version: then in one and the same. */
static bool
snapshot_is_right(const void *arg, uint64_t n)
{
	const struct answer *a = arg;

	for (unsigned i = 0; i < table.addresses; i++)
		if (!is_right(&a[i], n))
			return false;
	return true;
}

static void
ask_snapshot(struct count *c)
{
	struct answer a[LIN_KEYS_MAX];
	struct radix_lf_snap *snap;
	struct lin_window w;
	uint8_t key[4];

	lin_window_open(&version, &w);
	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	lin_window_close(&version, &w);
	for (unsigned i = 0; i < table.addresses; i++) {
		const struct item *it;

		bytes(table.address[i], key);
		it = radix_lf_snap_lookup(snap, key, 32);
		a[i] = (struct answer){
		    .address = i, .stamp = it != NULL ? it->stamp : LIN_NONE};
	}
	radix_lf_snap_close(snap);
	c->asked++;
	c->wrong += !lin_window_check(&w, snapshot_is_right, a);
}

static void *
reader(void *arg)
{
	struct count *c = arg;

	/* relaxed: seen sooner or later. */
	for (unsigned i = 0; !sync_load_relaxed(&stop); i++) {
		if (i % 16 == 15)
			ask_snapshot(c);
		else
			ask(i % table.addresses, c);
		if (i == 0)
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&askers, 1);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void
write_version(uint64_t n)
{
	const unsigned prefix = (unsigned)(n % table.prefixes);
	struct item *it = NULL;
	void *old = NULL;
	uint8_t key[4];

	if (stamp_at(prefix, n) != LIN_NONE)
		it = make(prefix, (unsigned)n);
	bytes(table.prefix[prefix].key, key);
	lin_version_begin(&version);
	if (it != NULL)
		cr_assert_eq(radix_lf_insert(t, it), 0);
	else
		(void)radix_lf_remove(t, key, table.prefix[prefix].bits, &old);
	lin_version_end(&version);
	taken(old);
}

Test(radix_lf_history, stress_answers_are_right_in_their_window, .timeout = 100)
{
	const uint64_t n = stress_n(20000);
	struct count count[2] = {{0}};
	pthread_t r[2];
	void *old;

	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&r[i], NULL, reader, &count[i]), 0);
	/* relaxed: a count. */
	for (uint64_t v = 1; v <= n || sync_load_relaxed(&askers) < 2; v++) {
		write_version(v);
		if (v % 32 == 0)
			sched_yield();
	}
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < 2; i++) {
		pthread_join(r[i], NULL);
		cr_assert_gt(count[i].asked, 0);
		cr_assert_eq(count[i].wrong, 0);
	}
	for (unsigned p = 0; p < table.prefixes; p++) {
		uint8_t key[4];

		bytes(table.prefix[p].key, key);
		old = NULL;
		(void)radix_lf_remove(t, key, table.prefix[p].bits, &old);
		taken(old);
	}
}
