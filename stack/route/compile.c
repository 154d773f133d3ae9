/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The compiled form of a table, in step with its tree.  A commit stages the
 * prefixes whose best candidate changed, compiles them unseen, publishes the
 * tree, then the compiled form, and retires what left both.  So a reader that
 * got a group from here finds its route: what removed the route retires it
 * after the group has left, and that grace period waits for the reader.
 *
 * A table that is not the main one has the small form, made anew by each commit,
 * until it has COMPILE_MIN prefixes, as the words that addresses index are a
 * megabyte for each table.  Who finds neither form, or the small one in the
 * moment before the other replaced it, began before that commit was published.
 *
 * Ordering pairs
 *   FIB    commit stores fib4 or fib6 (release) -> lookup loads it (acquire):
 *          the table was compiled before.
 *   SMALL  commit stores small (release) -> lookup loads it (acquire): as above.
 */

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/route/bits.h"
#include "stack/route/source.h"
#include "stack/route/table_impl.h"

#define COMPILE_MIN FIB_SMALL_MAX
#define BATCH       64U /* of addresses that are looked up together */

static bool
compiled(const struct route_table *t)
{
	/* relaxed: only the writer, who asks, stores them. */
	return sync_load_relaxed(&t->fib4) != NULL ||
	       /* relaxed: as above. */
	       sync_load_relaxed(&t->fib6) != NULL;
}

/* Make the forms that x->table has not got yet; nobody sees them. */
static int
create(struct route_txn *x)
{
	struct route_store *s = x->table->store;
	int error = 0;

	if (s->arena == NULL)
		error = route_arena_create(ROUTE_STORE_ARENA, &s->arena);
	if (error == 0)
		error = s->af == NETIF_AF_INET
			    ? fib4_create(s->arena, &x->fib4)
			    : fib6_create(s->arena, &x->fib6);
	return error;
}

static int
stage(struct route_txn *x, const uint8_t *key, unsigned int plen)
{
	return x->fib4 != NULL ? fib4_stage(x->fib4, key, plen)
			       : fib6_stage(x->fib6, key, plen);
}

/* Say which prefixes lead elsewhere after x. */
static int
stage_log(struct route_txn *x)
{
	const struct route_store *s = x->table->store;
	int error = 0;
	size_t i;

	for (i = 0; i < x->n && error == 0; i++) {
		const struct route_item *any = route_edit_item(&x->log[i]);

		if (route_edit_moves(s, &x->log[i]))
			error = stage(x, any->key, route_item_plen(any));
	}
	return error;
}

static int
stage_one(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	(void)group;
	return stage(ctx, key, plen);
}

/* All prefixes, for a form that has none yet. */
static int
stage_all(struct route_txn *x, const struct fib_source *after)
{
	static const uint8_t all[16];

	return after->walk(after->arg, all, 0, stage_one, x);
}

void
route_compile_abort(struct route_txn *x)
{
	const bool fresh = !compiled(x->table);

	fib_small_free(x->small);
	x->small = NULL;
	if (x->fib4 != NULL) {
		fib4_abort(x->fib4);
		if (fresh)
			fib4_destroy(x->fib4);
	} else if (x->fib6 != NULL) {
		fib6_abort(x->fib6);
		if (fresh)
			fib6_destroy(x->fib6);
	}
}

int
route_compile_prepare(struct route_txn *x)
{
	struct route_table *t = x->table;
	const struct fib_source after = route_source(x);
	int error = 0;

	if (x->n == 0)
		return 0;
	/* relaxed: only the writer stores them; here and below. */
	x->fib4 = sync_load_relaxed(&t->fib4);
	/* relaxed: as above. */
	x->fib6 = sync_load_relaxed(&t->fib6);
	if (compiled(t)) {
		error = stage_log(x);
	} else {
		if (!t->main && route_table_count(t) + x->n < COMPILE_MIN)
			return fib_small_create(
			    &after, t->store->bits, &x->small);
		error = create(x);
		if (error == 0)
			error = stage_all(x, &after);
	}
	if (error == 0)
		error = x->fib4 != NULL ? fib4_prepare(x->fib4, &after)
					: fib6_prepare(x->fib6, &after);
	if (error != 0)
		route_compile_abort(x);
	return error;
}

void
route_compile_prefetch(
    const struct route_table *t, const uint8_t *prefix, bool again)
{
	/* relaxed: only the writer stores it. */
	const struct fib4 *fib4 = sync_load_relaxed(&t->fib4);
	/* relaxed: as above. */
	const struct fib6 *fib6 = sync_load_relaxed(&t->fib6);

	if (fib4 != NULL)
		fib4_prefetch(fib4, prefix, again);
	else if (fib6 != NULL)
		fib6_prefetch(fib6, prefix, again);
}

/* Make s the small form, or do without one (NULL). */
static void
publish_small(struct route_table *t, struct fib_small *s)
{
	/* relaxed: only the writer, who asks, stores it. */
	struct fib_small *old = sync_load_relaxed(&t->small);

	if (s == old)
		return;
	/* SMALL release: pairs with the acquire in lookup. */
	sync_store_release(&t->small, s);
	fib_small_retire(old);
}

void
route_compile_commit(struct route_txn *x)
{
	if (x->fib4 != NULL) {
		fib4_commit(x->fib4);
		/* FIB release: pairs with the acquire in lookup. */
		sync_store_release(&x->table->fib4, x->fib4);
	} else if (x->fib6 != NULL) {
		fib6_commit(x->fib6);
		/* FIB release: pairs with the acquire in lookup. */
		sync_store_release(&x->table->fib6, x->fib6);
	}
	if (x->n > 0)
		publish_small(x->table, x->small);
}

bool
route_table_fib_stats(const struct route_table *t, struct fib_stats *out)
{
	/* relaxed: the mutex is held, only the writer stores them. */
	const struct fib4 *fib4 = sync_load_relaxed(&t->fib4);
	/* relaxed: as above. */
	const struct fib6 *fib6 = sync_load_relaxed(&t->fib6);
	/* relaxed: as above. */
	const struct fib_small *small = sync_load_relaxed(&t->small);

	SYNC_REQUIRE(stack_control_held(t->store->stack));
	if (fib4 != NULL)
		fib4_stats(fib4, out);
	else if (fib6 != NULL)
		fib6_stats(fib6, out);
	else if (small != NULL)
		*out =
		    (struct fib_stats){.block_bytes = fib_small_bytes(small)};
	return fib4 != NULL || fib6 != NULL || small != NULL;
}

void
route_compile_destroy(struct route_table *t)
{
	/* relaxed: nobody else is left; here and below. */
	struct fib4 *fib4 = sync_load_relaxed(&t->fib4);
	/* relaxed: as above. */
	struct fib6 *fib6 = sync_load_relaxed(&t->fib6);

	if (fib4 != NULL)
		fib4_destroy(fib4);
	if (fib6 != NULL)
		fib6_destroy(fib6);
	/* relaxed: as above. */
	fib_small_free(sync_load_relaxed(&t->small));
}

/* The group of addr in a small table. */
static uint32_t
lookup_small(
    const struct route_table *t, const struct fib_small *s, const uint8_t *addr)
{
	if (t->store->bits == 32)
		return fib_small_lookup(
		    s, (uint64_t)route_bits_load32(addr) << 32, 0);
	return fib_small_lookup(
	    s, route_bits_load64(addr), route_bits_load64(addr + 8));
}

bool
route_compile_lookup(
    const struct route_table *t, const uint8_t *addr, const struct route **out)
{
	const struct fib_small *small;
	const struct fib4 *fib4;
	const struct fib6 *fib6;
	uint32_t group;

	/* FIB acquire: pairs with the release in commit; so does the next. */
	if ((fib4 = sync_load_acquire(&t->fib4)) != NULL)
		group = fib4_lookup(fib4, route_bits_load32(addr));
	else if ((fib6 = sync_load_acquire(&t->fib6)) != NULL)
		group = fib6_lookup(
		    fib6, route_bits_load64(addr), route_bits_load64(addr + 8));
	/* SMALL acquire: pairs with the release in publish_small. */
	else if ((small = sync_load_acquire(&t->small)) != NULL)
		group = lookup_small(t, small, addr);
	else
		return false;
	*out = t->store->way[group];
	return true;
}

/* Up to BATCH of them. */
static void
lookup4(const struct route_table *t, const struct fib4 *fib,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	uint32_t group[BATCH];
	unsigned int i;

	for (i = 0; i < n; i++)
		group[i] = route_bits_load32(addr[i]);
	fib4_lookup_batch(fib, group, group, n);
	for (i = 0; i < n; i++)
		out[i] = t->store->way[group[i]];
}

static void
lookup6(const struct route_table *t, const struct fib6 *fib,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	uint64_t key[BATCH][2];
	uint32_t group[BATCH];
	unsigned int i;

	for (i = 0; i < n; i++) {
		key[i][0] = route_bits_load64(addr[i]);
		key[i][1] = route_bits_load64(addr[i] + 8);
	}
	fib6_lookup_batch(fib, (const uint64_t(*)[2])key, group, n);
	for (i = 0; i < n; i++)
		out[i] = t->store->way[group[i]];
}

bool
route_compile_lookup_batch(const struct route_table *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	/* FIB acquire: pairs with the release in commit; so does the next. */
	const struct fib4 *fib4 = sync_load_acquire(&t->fib4);
	const struct fib6 *fib6 = sync_load_acquire(&t->fib6);
	unsigned int i, some;

	if (fib4 == NULL && fib6 == NULL)
		return false;
	for (i = 0; i < n; i += some) {
		some = n - i < BATCH ? n - i : BATCH;
		if (fib4 != NULL)
			lookup4(t, fib4, addr + i, out + i, some);
		else
			lookup6(t, fib6, addr + i, out + i, some);
	}
	return true;
}

/* Up to BATCH of them, each in its table; those without a compiled form alone. */
static void
lookup_tables4(const struct route_table *const *t, const uint8_t *const *addr,
    const struct route **out, unsigned int n)
{
	const struct fib4 *fib[BATCH];
	uint32_t group[BATCH]; /* first the addresses */
	unsigned int at[BATCH], i, some = 0;

	for (i = 0; i < n; i++) {
		/* FIB acquire: pairs with the release in commit. */
		fib[some] = sync_load_acquire(&t[i]->fib4);
		group[some] = route_bits_load32(addr[i]);
		at[some] = i;
		if (fib[some] != NULL)
			some++;
		else
			out[i] = route_table_lookup(t[i], addr[i]);
	}
	fib4_lookup_tables(fib, group, group, some);
	for (i = 0; i < some; i++)
		out[at[i]] = t[at[i]]->store->way[group[i]];
}

static void
lookup_tables6(const struct route_table *const *t, const uint8_t *const *addr,
    const struct route **out, unsigned int n)
{
	const struct fib6 *fib[BATCH];
	uint64_t key[BATCH][2];
	uint32_t group[BATCH];
	unsigned int at[BATCH], i, some = 0;

	for (i = 0; i < n; i++) {
		/* FIB acquire: pairs with the release in commit. */
		fib[some] = sync_load_acquire(&t[i]->fib6);
		key[some][0] = route_bits_load64(addr[i]);
		key[some][1] = route_bits_load64(addr[i] + 8);
		at[some] = i;
		if (fib[some] != NULL)
			some++;
		else
			out[i] = route_table_lookup(t[i], addr[i]);
	}
	fib6_lookup_tables(fib, (const uint64_t(*)[2])key, group, some);
	for (i = 0; i < some; i++)
		out[at[i]] = t[at[i]]->store->way[group[i]];
}

void
route_compile_lookup_tables(const struct route_table *const *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	unsigned int i, some;

	for (i = 0; i < n; i += some) {
		some = n - i < BATCH ? n - i : BATCH;
		if (t[0]->store->af == NETIF_AF_INET)
			lookup_tables4(t + i, addr + i, out + i, some);
		else
			lookup_tables6(t + i, addr + i, out + i, some);
	}
}
