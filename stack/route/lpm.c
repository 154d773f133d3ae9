/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Edits go to a transaction of the tree, and are staged in the compiled form,
 * which is compiled from the transaction as it is at its end.  An item that its
 * own transaction takes out again has never been published, so it is freed with
 * the transaction, whichever way that ends.
 *
 * Invariants
 *   I1  Outside a commit the compiled form says what the tree says.
 *   I2  An item is on fresh from its making to the end of its transaction, on
 *       gone from its removal by a transaction to the end of that.
 *
 * Ordering pairs
 *   none: CHANGE is in flowcache.c; the tree and the compiled forms have theirs.
 *
 * Reclamation
 *   Published items by radix_lf_retire().
 */

#include "stack/route/lpm.h"

#include "libsync/base/fence.h"
#include "libsync/radix_lf/radix_lf.h"
#include "stack/route/host.h"

#define KEY_MAX 16u
#define AT_ONCE 64u /* prefixes of one section: a kernel waits for its end */

/* [c] constant once published  [w] the writer's */
struct route_lpm_item {
	struct pserialize_head grace; /* [w] */
	struct route_lpm_item *next;  /* [w] on fresh or gone */
	uint32_t group;               /* [c] */
	uint8_t plen;                 /* [c] */
	bool fresh;                   /* [w] on fresh */
	bool dead;                    /* [w] and taken out again */
	uint8_t key[];                /* [c] */
};

static unsigned int
item_bits(const void *item)
{
	return ((const struct route_lpm_item *)item)->plen;
}

static uint32_t
group_of(const struct route_lpm_item *i, unsigned int *plen)
{
	*plen = i != NULL ? i->plen : 0;
	return i != NULL ? i->group : FIB_NONE;
}

/* The transaction's tree, asked as the compilers of FIBs ask. */

static uint32_t
cover(
    void *arg, const uint8_t *key, unsigned int plen, unsigned int *cover_plen)
{
	const struct route_lpm *t = arg;

	return group_of(
	    plen > 0 ? radix_lf_txn_lookup(t->txn, key, plen - 1) : NULL,
	    cover_plen);
}

static bool
alone(void *arg, const uint8_t *key, unsigned int plen, uint32_t *group,
    unsigned int *from)
{
	const struct route_lpm *t = arg;
	struct radix_lf_place p;

	radix_lf_txn_find(t->txn, key, plen, &p);
	if (p.has_longer)
		return false;
	*group = group_of(p.item != NULL ? p.item : p.cover, from);
	return true;
}

struct visit {
	fib_walk_fn *fn;
	void *ctx;
	int error;
};

static bool
visit(void *item, void *arg)
{
	const struct route_lpm_item *i = item;
	struct visit *v = arg;

	v->error = v->fn(v->ctx, i->key, i->plen, i->group);
	return v->error != 0;
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	const struct route_lpm *t = arg;
	struct visit v = {.fn = fn, .ctx = ctx};

	(void)radix_lf_txn_covered(t->txn, key, plen, visit, &v);
	return v.error;
}

int
route_lpm_create(unsigned int bits, size_t memory, struct route_lpm **out)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct route_lpm_item, key),
	    .max_bits = bits,
	    .item_bits = item_bits,
	};
	struct route_lpm *t;
	int error;

	if (bits != 32 && bits != 128)
		return -EINVAL;
	t = route_host_alloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->bits = bits;
	error = radix_lf_create(&cfg, &t->tree);
	if (error != 0)
		goto fail_tree;
	error = route_arena_create(memory, &t->arena);
	if (error != 0)
		goto fail_arena;
	error = bits == 32 ? fib4_create(t->arena, &t->fib4)
			   : fib6_create(t->arena, &t->fib6);
	if (error != 0)
		goto fail_fib;
	*out = t;
	return 0;

fail_fib:
	route_arena_destroy(t->arena);
fail_arena:
	radix_lf_destroy(t->tree);
fail_tree:
	route_host_free(t);
	return error;
}

static void
retired(struct pserialize_head *head)
{
	route_host_free((char *)head - offsetof(struct route_lpm_item, grace));
}

/*
 * All items go on the list gone.  Nobody else uses the table, so they stay what
 * they are between the sections, which the tree asks for.
 */
static void
take_down(struct route_lpm *t)
{
	struct route_lpm_item *i;
	uint64_t section;

	do {
		section = pserialize_read_enter();
		for (unsigned int n = 0; n < AT_ONCE; n++) {
			i = t->gone;
			i = i == NULL ? radix_lf_next(t->tree, NULL, 0)
				      : radix_lf_next(t->tree, i->key, i->plen);
			if (i == NULL)
				break;
			i->next = t->gone;
			t->gone = i;
		}
		pserialize_read_exit(section);
	} while (i != NULL);
}

void
route_lpm_destroy(struct route_lpm *t)
{
	struct route_lpm_item *i;

	SYNC_REQUIRE(t->txn == NULL);
	if (t->fib4 != NULL)
		fib4_destroy(t->fib4);
	if (t->fib6 != NULL)
		fib6_destroy(t->fib6);
	route_arena_destroy(t->arena);
	take_down(t);
	radix_lf_destroy(t->tree);
	while ((i = t->gone) != NULL) {
		t->gone = i->next;
		route_host_free(i);
	}
	route_host_free(t);
}

int
route_lpm_begin(struct route_lpm *t)
{
	SYNC_REQUIRE(t->txn == NULL);
	return radix_lf_txn_begin(t->tree, &t->txn);
}

/* The prefix, without the bits behind it. */
static void
prefix(const uint8_t *key, unsigned int plen, uint8_t out[KEY_MAX])
{
	memset(out, 0, KEY_MAX);
	memcpy(out, key, (plen + 7) / 8);
	if (plen % 8 != 0)
		out[plen / 8] &= (uint8_t)(0xff00u >> plen % 8);
}

/* Have the compiled form ask for a prefix. */
static int
stage(struct route_lpm *t, const uint8_t *key, unsigned int plen)
{
	return t->fib4 != NULL ? fib4_stage(t->fib4, key, plen)
			       : fib6_stage(t->fib6, key, plen);
}

/* An item has left the transaction's tree. */
static void
take_out(struct route_lpm *t, struct route_lpm_item *i)
{
	if (i == NULL)
		return;
	if (i->fresh) {
		i->dead = true;
		return;
	}
	i->next = t->gone;
	t->gone = i;
}

int
route_lpm_insert(struct route_lpm *t, const uint8_t *key, unsigned int plen,
    uint32_t group, bool replace)
{
	struct radix_lf_place p;
	struct route_lpm_item *i;
	uint8_t bits[KEY_MAX];
	int error;

	SYNC_REQUIRE(t->txn != NULL && !t->prepared);
	if (plen > t->bits || group == FIB_NONE || group >= FIB_GROUPS_MAX)
		return -EINVAL;
	prefix(key, plen, bits);
	radix_lf_txn_find(t->txn, bits, plen, &p);
	if (p.item != NULL && !replace)
		return -EEXIST;
	error = stage(t, bits, plen);
	if (error != 0)
		return error;
	i = route_host_alloc(sizeof(*i) + t->bits / 8);
	if (i == NULL)
		return -ENOMEM;
	*i = (struct route_lpm_item){
	    .next = t->fresh,
	    .group = group,
	    .plen = (uint8_t)plen,
	    .fresh = true,
	};
	memcpy(i->key, bits, t->bits / 8);
	error = radix_lf_txn_put(t->txn, &p, i);
	if (error != 0) {
		route_host_free(i);
		return error;
	}
	t->fresh = i;
	take_out(t, p.item);
	return 0;
}

int
route_lpm_remove(struct route_lpm *t, const uint8_t *key, unsigned int plen)
{
	struct radix_lf_place p;
	uint8_t bits[KEY_MAX];
	int error;

	SYNC_REQUIRE(t->txn != NULL && !t->prepared);
	if (plen > t->bits)
		return -EINVAL;
	prefix(key, plen, bits);
	radix_lf_txn_find(t->txn, bits, plen, &p);
	if (p.item == NULL)
		return -ENOENT;
	error = stage(t, bits, plen);
	if (error == 0)
		error = radix_lf_txn_take(t->txn, &p);
	if (error == 0)
		take_out(t, p.item);
	return error;
}

int
route_lpm_clear(struct route_lpm *t)
{
	const struct route_lpm_item *i;
	int error = 0;

	SYNC_REQUIRE(t->txn != NULL && !t->prepared);
	while (error == 0 && (i = radix_lf_txn_next(t->txn, NULL, 0)) != NULL)
		error = route_lpm_remove(t, i->key, i->plen);
	return error;
}

/* What the transaction made; all of it, or what it took out again itself. */
static void
end_fresh(struct route_lpm *t, bool all)
{
	struct route_lpm_item *i;

	while ((i = t->fresh) != NULL) {
		t->fresh = i->next;
		i->fresh = false;
		if (all || i->dead)
			route_host_free(i);
	}
}

void
route_lpm_abort(struct route_lpm *t)
{
	SYNC_REQUIRE(t->txn != NULL);
	if (t->fib4 != NULL)
		fib4_abort(t->fib4);
	else
		fib6_abort(t->fib6);
	radix_lf_txn_abort(t->txn);
	t->txn = NULL;
	t->prepared = false;
	t->gone = NULL;
	end_fresh(t, true);
}

int
route_lpm_prepare(struct route_lpm *t)
{
	const struct fib_source after = {
	    .cover = cover, .walk = walk, .alone = alone, .arg = t};
	int error;

	SYNC_REQUIRE(t->txn != NULL && !t->prepared);
	error = t->fib4 != NULL ? fib4_prepare(t->fib4, &after)
				: fib6_prepare(t->fib6, &after);
	t->prepared = error == 0;
	return error;
}

int
route_lpm_commit(struct route_lpm *t)
{
	struct route_lpm_item *i;
	int error = 0;

	SYNC_REQUIRE(t->txn != NULL);
	if (!t->prepared)
		error = route_lpm_prepare(t);
	if (error != 0) {
		route_lpm_abort(t);
		return error;
	}
	t->prepared = false;
	route_change_enter(&t->change);
	sync_fence_full(); /* some of what follows is stored relaxed */
	radix_lf_txn_commit(t->txn);
	t->txn = NULL;
	if (t->fib4 != NULL)
		fib4_commit(t->fib4);
	else
		fib6_commit(t->fib6);
	route_change_exit(&t->change);
	end_fresh(t, false);
	while ((i = t->gone) != NULL) {
		t->gone = i->next;
		radix_lf_retire(t->tree, &i->grace, retired);
	}
	return 0;
}

uint32_t
route_lpm_ask(
    const struct route_lpm *t, const uint8_t *addr, unsigned int *plen)
{
	return group_of(radix_lf_lookup(t->tree, addr, t->bits), plen);
}

uint32_t
route_lpm_next(const struct route_lpm *t, const uint8_t *key, unsigned int plen,
    uint8_t next[KEY_MAX], unsigned int *next_plen)
{
	const struct route_lpm_item *i = radix_lf_next(t->tree, key, plen);

	if (i != NULL)
		memcpy(next, i->key, t->bits / 8);
	return group_of(i, next_plen);
}

void
route_lpm_stats(const struct route_lpm *t, struct route_lpm_stats *out)
{
	*out = (struct route_lpm_stats){
	    .prefixes = radix_lf_count(t->tree),
	    /* relaxed: only the writer, our caller, stores it. */
	    .commits = sync_load_relaxed(&t->change.count) / 2,
	};
	if (t->fib4 != NULL)
		fib4_stats(t->fib4, &out->fib);
	else
		fib6_stats(t->fib6, &out->fib);
	route_arena_stats(t->arena, &out->arena);
}

bool
route_lpm_state(const struct route_lpm *t, uint64_t *out)
{
	sync_fence_full(); /* the answers before are older than the number */
	return route_change_read(&t->change, out);
}
