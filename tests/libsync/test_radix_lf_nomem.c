/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * radix_lf when memory runs out, at every allocation there is.  The linker
 * sends the library's calls of aligned_alloc() here.
 */

#include <criterion/criterion.h>
#include <errno.h>

#include "libsync/base/atomic.h"
#include "tests/libsync/radix_lf_item.h"

#define WIDTH 480 /* one way down the tree needs more than one slab */

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* Allocations that still succeed; negative: no limit. */
static SYNC_ATOMIC(int) left = {-1};

static void
allow(int n)
{
	/* relaxed: the allocations meant are this thread's own. */
	sync_store_relaxed(&left, n);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	/* relaxed: as in allow. */
	const int n = sync_load_relaxed(&left);

	if (n == 0)
		return NULL;
	if (n > 0)
		allow(n - 1);
	return __real_aligned_alloc(alignment, size);
}

static struct radix_lf *t;
static struct item *chain[WIDTH + 1]; /* each a prefix of the next */

static void
setup(void)
{
	static const uint8_t zero[ITEM_KEY_MAX];
	const struct radix_lf_config cfg = item_config(WIDTH);

	allow(-1);
	cr_assert_eq(radix_lf_create(&cfg, &t), 0);
	for (unsigned i = 0; i <= WIDTH; i++)
		chain[i] = item_new(zero, i);
}

static void
teardown(void)
{
	allow(-1);
	radix_lf_destroy(t);
	for (unsigned i = 0; i <= WIDTH; i++)
		free(chain[i]);
}

TestSuite(radix_lf_nomem, .init = setup, .fini = teardown);

/* Does the tree hold chain[0 .. n), and nothing else? */
static void
check_chain(unsigned n)
{
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(radix_lf_count(t), n);
	for (unsigned i = 0; i <= WIDTH; i++)
		cr_assert_eq(radix_lf_exact(t, chain[i]->key, i),
		    i < n ? chain[i] : NULL);
	pserialize_read_exit(s);
}

static void
fill(unsigned n)
{
	struct radix_lf_txn *txn;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(radix_lf_txn_insert(txn, chain[i]), 0);
	radix_lf_txn_commit(txn);
}

Test(radix_lf_nomem, create_fails_clean)
{
	const struct radix_lf_config cfg = item_config(8);
	struct radix_lf *none = NULL;

	allow(0);
	cr_assert_eq(radix_lf_create(&cfg, &none), -ENOMEM);
	cr_assert_null(none);
}

Test(radix_lf_nomem, snap_open_fails_clean)
{
	struct radix_lf_snap *none = NULL;

	fill(3);
	allow(0);
	cr_assert_eq(radix_lf_snap_open(t, &none), -ENOMEM);
	cr_assert_null(none);
	check_chain(3);
}

/*
 * Edit until no memory is left in the tree's own lists.  Nothing comes back to
 * them while the caller's section is open.
 */
static void
drain(unsigned n)
{
	void *old;

	allow(0);
	while (radix_lf_replace(t, chain[n - 1], &old) == 0)
		cr_assert_eq(old, chain[n - 1]);
	check_chain(n);
}

/* For each attempt after the first, one more allocation succeeds. */
Test(radix_lf_nomem, insert_changes_nothing_at_any_failure)
{
	const uint64_t s = pserialize_read_enter();
	int failures = 0;

	fill(WIDTH);
	drain(WIDTH);
	while (allow(failures > 0), radix_lf_insert(t, chain[WIDTH]) != 0) {
		failures++;
		check_chain(WIDTH);
	}
	allow(-1);
	cr_assert_gt(failures, 3);
	check_chain(WIDTH + 1);
	pserialize_read_exit(s);
}

Test(radix_lf_nomem, remove_changes_nothing_at_any_failure)
{
	const uint64_t s = pserialize_read_enter();
	int failures = 0;
	void *out = t;

	fill(WIDTH + 1);
	drain(WIDTH + 1);
	while (allow(failures > 0),
	    radix_lf_remove(t, chain[WIDTH]->key, WIDTH, &out) != 0) {
		failures++;
		cr_assert_eq(out, t);
		check_chain(WIDTH + 1);
	}
	allow(-1);
	cr_assert_gt(failures, 3);
	cr_assert_eq(out, chain[WIDTH]);
	check_chain(WIDTH);
	pserialize_read_exit(s);
}

Test(radix_lf_nomem, replace_changes_nothing_at_any_failure)
{
	const uint64_t s = pserialize_read_enter();
	struct item *twin = item_new(chain[WIDTH]->key, WIDTH);
	struct item *first = chain[WIDTH];
	int failures = 0;
	void *old = t;

	fill(WIDTH + 1);
	drain(WIDTH + 1);
	while (allow(failures > 0), radix_lf_replace(t, twin, &old) != 0) {
		failures++;
		cr_assert_eq(old, t);
		check_chain(WIDTH + 1);
	}
	allow(-1);
	cr_assert_gt(failures, 3);
	cr_assert_eq(old, first);
	chain[WIDTH] = twin;
	check_chain(WIDTH + 1);
	pserialize_read_exit(s);
	pserialize_barrier();
	free(first);
}

/* Nothing comes back from grace periods while this section is open. */
Test(radix_lf_nomem, single_edits_fail_clean_while_a_reader_stays)
{
	struct radix_lf_snap *snap;
	uint64_t s;
	int error = 0, edits = 0;
	void *out;

	fill(20);
	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	s = pserialize_read_enter();
	allow(2);
	while (error == 0) {
		check_chain(20);
		error = radix_lf_insert(t, chain[20]);
		if (error != 0)
			break;
		edits++;
		check_chain(21);
		error = radix_lf_remove(t, chain[20]->key, 20, &out);
		if (error == 0)
			edits++;
	}
	cr_assert_eq(error, -ENOMEM);
	cr_assert_gt(edits, 0);
	check_chain(edits % 2 == 0 ? 20 : 21);
	pserialize_read_exit(s);

	allow(-1);
	radix_lf_snap_close(snap);
	pserialize_barrier();
	allow(0); /* what came back is enough */
	if (edits % 2 == 0)
		cr_assert_eq(radix_lf_insert(t, chain[20]), 0);
	check_chain(21);
}

Test(radix_lf_nomem, failed_edit_keeps_the_edits_before_it)
{
	struct radix_lf_txn *txn;
	unsigned done = 0;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	allow(2);
	while (done < WIDTH && radix_lf_txn_insert(txn, chain[done]) == 0)
		done++;
	allow(-1);
	cr_assert_gt(done, 10);
	cr_assert_lt(done, WIDTH);
	cr_assert_null(radix_lf_txn_exact(txn, chain[done]->key, done));
	cr_assert_eq(radix_lf_txn_exact(txn, chain[done - 1]->key, done - 1),
	    chain[done - 1]);
	check_chain(0);
	radix_lf_txn_commit(txn);
	check_chain(done);
}

Test(radix_lf_nomem, transaction_can_be_aborted_without_memory)
{
	struct radix_lf_txn *txn;
	unsigned done = 20;
	void *out;

	fill(done);
	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	cr_assert_eq(radix_lf_txn_remove(txn, chain[3]->key, 3, &out), 0);
	allow(0);
	while (done < WIDTH && radix_lf_txn_insert(txn, chain[done]) == 0)
		done++;
	cr_assert_lt(done, WIDTH);
	radix_lf_txn_abort(txn);
	check_chain(20);
}

Test(radix_lf_nomem, aborted_transactions_give_their_memory_back)
{
	struct radix_lf_txn *txn;
	void *out;

	fill(100);
	for (int i = 0; i < 1000; i++) {
		allow(i < 1 ? -1 : 0);
		cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
		cr_assert_eq(
		    radix_lf_txn_remove(txn, chain[99]->key, 99, &out), 0);
		for (unsigned n = 100; n < 200; n++)
			cr_assert_eq(radix_lf_txn_insert(txn, chain[n]), 0);
		radix_lf_txn_abort(txn);
	}
	check_chain(100);
}

/* A batch that is not full is filled by more transactions than one. */
Test(radix_lf_nomem, aborts_keep_what_commits_retired)
{
	struct radix_lf_txn *txn;
	void *out;

	/* So much may be on its way from a grace period, but no more. */
	fill(30);
	cr_assert_eq(radix_lf_reserve(t, 20), 0);
	allow(0);
	for (int i = 0; i < 600; i++) {
		cr_assert_eq(radix_lf_replace(t, chain[29], &out), 0);
		cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
		cr_assert_eq(
		    radix_lf_txn_remove(txn, chain[29]->key, 29, &out), 0);
		radix_lf_txn_abort(txn);
		pserialize_barrier();
	}
	allow(-1);
	check_chain(30);
}

/* Edits of the deepest place, none of whose memory comes back meanwhile. */
static void
edit_without_memory(bool in_one)
{
	const uint64_t s = pserialize_read_enter();
	struct radix_lf_txn *txn = NULL;
	const unsigned edits = 12;
	void *old;

	fill(WIDTH);
	drain(WIDTH);
	allow(-1);
	cr_assert_eq(radix_lf_reserve(t, edits), 0);
	allow(0);
	if (in_one)
		cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	for (unsigned i = 0; i < edits; i += 3) {
		if (in_one) {
			cr_assert_eq(radix_lf_txn_insert(txn, chain[WIDTH]), 0);
			cr_assert_eq(
			    radix_lf_txn_replace(txn, chain[WIDTH], &old), 0);
			cr_assert_eq(radix_lf_txn_remove(
					 txn, chain[WIDTH]->key, WIDTH, &old),
			    0);
			continue;
		}
		cr_assert_eq(radix_lf_insert(t, chain[WIDTH]), 0);
		check_chain(WIDTH + 1);
		cr_assert_eq(radix_lf_replace(t, chain[WIDTH], &old), 0);
		cr_assert_eq(
		    radix_lf_remove(t, chain[WIDTH]->key, WIDTH, &old), 0);
	}
	if (in_one)
		radix_lf_txn_commit(txn);
	check_chain(WIDTH);
	allow(-1);
	pserialize_read_exit(s);
}

Test(radix_lf_nomem, reserved_edits_cannot_fail)
{
	edit_without_memory(false);
}

Test(radix_lf_nomem, reserved_edits_of_a_transaction_cannot_fail)
{
	edit_without_memory(true);
}

/* From an empty tree, whose ways grow with every edit. */
Test(radix_lf_nomem, reserved_inserts_into_an_empty_tree_cannot_fail)
{
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(radix_lf_reserve(t, WIDTH + 1), 0);
	allow(0);
	for (unsigned i = 0; i <= WIDTH; i++)
		cr_assert_eq(radix_lf_insert(t, chain[WIDTH - i]), 0);
	check_chain(WIDTH + 1);
	pserialize_read_exit(s);
}

Test(radix_lf_nomem, reserve_fails_clean)
{
	fill(20);
	drain(20);
	for (int n = 0; allow(n), radix_lf_reserve(t, 1000) != 0; n++)
		check_chain(20);
	cr_assert_eq(radix_lf_reserve(t, SIZE_MAX), -ENOMEM);
	cr_assert_eq(radix_lf_reserve(t, SIZE_MAX / 2), -ENOMEM);
	check_chain(20);
}

Test(radix_lf_nomem, pin_needs_no_memory)
{
	struct radix_lf_snap pin;
	uint64_t s;

	fill(20);
	allow(0);
	s = pserialize_read_enter();
	radix_lf_snap_pin(t, &pin);
	pserialize_read_exit(s);
	cr_assert_eq(radix_lf_snap_exact(&pin, chain[19]->key, 19), chain[19]);
	radix_lf_snap_unpin(&pin);
}
