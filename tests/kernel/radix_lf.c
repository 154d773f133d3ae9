/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A tree under readers.  The first keys change together, in transactions, so
 * that each version has them all of one age; the others come and go one by
 * one, over a default that stays.  Retired items are poisoned.
 */

#include "libsync/radix_lf/radix_lf.h"

#include "tests/kernel/ktest.h"

#define GROUP  4  /* keys that change together */
#define SINGLE 12 /* keys that come and go, behind those */
#define ITEMS  64

struct route {
	uint8_t key[4];
	unsigned bits;
	uint64_t age;
	struct ktest_body body;
	struct pserialize_head head;
	SYNC_ATOMIC(uint32_t) busy; /* [a] */
};

/* [w] the writer's */
static struct {
	struct radix_lf *tree;
	struct route items[ITEMS];
	struct route root;
	unsigned next;                   /* [w] */
	uint64_t age;                    /* [w] of the group */
	bool there[SINGLE];              /* [w] */
	uint64_t rand;                   /* [w] */
	uint64_t old[KTEST_THREADS_MAX]; /* [o] of its thread: last age seen */
} routes;

static unsigned
route_bits(const void *item)
{
	return ((const struct route *)item)->bits;
}

static void
route_dies(struct pserialize_head *head)
{
	struct route *r =
	    (struct route *)(void *)((char *)head -
				     offsetof(struct route, head));

	ktest_body_kill(&r->body);
	/* FREED release: pairs with the acquire in route_take. */
	sync_store_release(&r->busy, 0);
}

/* A free item, filled.  Returns: NULL once the test has failed. */
static struct route *
route_take(unsigned key, uint64_t age)
{
	struct route *r;

	do {
		r = &routes.items[routes.next++ % ITEMS];
		if (ktest_failed())
			return NULL;
		if (routes.next % ITEMS == 0)
			ktest_relax();
		/* FREED acquire: pairs with the release in route_dies. */
	} while (sync_load_acquire(&r->busy) != 0);
	/* relaxed: only the writer takes. */
	sync_store_relaxed(&r->busy, 1);
	r->key[0] = (uint8_t)key;
	r->bits = 8;
	r->age = age;
	ktest_body_fill(&r->body, age << 8 | key);
	return r;
}

static bool
route_alive(const struct route *r)
{
	return ktest_body_alive(&r->body, r->age << 8 | r->key[0]);
}

/* Replace the whole group in one transaction. */
static void
update_group(void)
{
	struct radix_lf_txn *txn;
	void *old[GROUP] = {NULL};

	routes.age++;
	ktest_need(radix_lf_txn_begin(routes.tree, &txn) == 0);
	for (unsigned k = 0; k < GROUP; k++) {
		struct route *r = route_take(k, routes.age);

		if (r == NULL ||
		    !ktest_check(radix_lf_txn_replace(txn, r, &old[k]) == 0)) {
			radix_lf_txn_abort(txn);
			return;
		}
	}
	radix_lf_txn_commit(txn);
	for (unsigned k = 0; k < GROUP; k++) {
		struct route *r = (struct route *)old[k];

		if (r != NULL) /* else the first time */
			radix_lf_retire(routes.tree, &r->head, route_dies);
	}
}

/* One of the others comes or goes. */
static void
update_single(void)
{
	const unsigned n = ktest_rand(&routes.rand) % SINGLE;
	const uint8_t key[1] = {(uint8_t)(GROUP + n)};
	struct route *r;
	void *out;

	if (routes.there[n]) {
		ktest_need(radix_lf_remove(routes.tree, key, 8, &out) == 0);
		r = (struct route *)out;
		radix_lf_retire(routes.tree, &r->head, route_dies);
	} else {
		r = route_take(key[0], 0);
		if (r == NULL)
			return;
		ktest_need(radix_lf_insert(routes.tree, r) == 0);
	}
	routes.there[n] = !routes.there[n];
}

static void
tree_update(struct ktest_duel *d)
{
	if (ktest_rand(&routes.rand) % 2 == 0)
		update_group();
	else
		update_single();
	ktest_duel_changed(d);
}

/*
 * Look a random address up.
 * Returns: the item, which covers it.
 */
static const struct route *
find(uint32_t r)
{
	const uint8_t key[4] = {(uint8_t)(r % (GROUP + SINGLE)),
	    (uint8_t)(r >> 8), (uint8_t)(r >> 16), 1};
	const struct route *found = radix_lf_lookup(routes.tree, key, 32);

	if (!ktest_check(found != NULL))
		return NULL;
	ktest_check(route_alive(found));
	ktest_check(
	    found->bits == 0 ? key[0] >= GROUP : found->key[0] == key[0]);
	return found;
}

static bool
read_current(struct ktest_duel *d, struct ktest_reader *self)
{
	const uint64_t s = pserialize_read_enter();
	const uint32_t seen = ktest_duel_version(d);
	const struct route *r = find(ktest_rand(&self->rand));
	bool changed = false;

	if (r != NULL) {
		changed = ktest_duel_await(d, seen, self);
		ktest_check(route_alive(r));
	}
	if (r != NULL && r->bits != 0 && r->key[0] < GROUP) {
		ktest_check(r->age >= routes.old[self->me]);
		routes.old[self->me] = r->age;
	}
	pserialize_read_exit(s);
	return changed;
}

/* The group is of one age, and a walk finds as many as are counted. */
static void
check_version(const struct radix_lf_snap *snap)
{
	const struct route *first = NULL, *r = NULL;
	size_t count = 0;

	for (;;) {
		r = (const struct route *)radix_lf_snap_next(
		    snap, r == NULL ? NULL : r->key, r == NULL ? 0 : r->bits);
		if (r == NULL)
			break;
		count++;
		if (!ktest_check(route_alive(r)) ||
		    !ktest_check(count <= ITEMS))
			return;
		if (r->bits == 0 || r->key[0] >= GROUP)
			continue;
		if (first == NULL)
			first = r;
		ktest_check(r->age == first->age);
	}
	ktest_check(count == radix_lf_snap_count(snap));
}

static bool
read_version(struct ktest_duel *d, struct ktest_reader *self)
{
	const uint32_t seen = ktest_duel_version(d);
	struct radix_lf_snap *snap;
	bool changed;

	if (!ktest_check(radix_lf_snap_open(routes.tree, &snap) == 0))
		return false;
	check_version(snap);
	ktest_relax();
	changed = ktest_duel_await(d, seen, self);
	check_version(snap);
	radix_lf_snap_close(snap);
	return changed;
}

static bool
tree_reader(struct ktest_duel *d, struct ktest_reader *self)
{
	if (ktest_rand(&self->rand) % 8 == 0)
		return read_version(d, self);
	return read_current(d, self);
}

static bool
tree_handler(struct ktest_duel *d, unsigned cpu)
{
	const uint64_t s = pserialize_read_enter();

	(void)find(ktest_duel_version(d) + cpu);
	pserialize_read_exit(s);
	return true;
}

/* Take everything out again. */
static void
tree_empty(void)
{
	void *out;

	for (uint8_t k = 0; k < GROUP + SINGLE; k++) {
		struct route *r;

		if (radix_lf_remove(routes.tree, &k, 8, &out) != 0) {
			ktest_check(k >= GROUP && !routes.there[k - GROUP]);
			continue;
		}
		r = (struct route *)out;
		radix_lf_retire(routes.tree, &r->head, route_dies);
	}
	ktest_check(
	    radix_lf_remove(routes.tree, routes.root.key, 0, &out) == 0);
	ktest_check(radix_lf_count(routes.tree) == 0);
}

static void
tree_run(bool handlers)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct route, key),
	    .max_bits = 32,
	    .item_bits = route_bits};
	struct ktest_duel duel = {.update = tree_update,
	    .read = tree_reader,
	    .handler = handlers ? tree_handler : NULL,
	    .updates = 20,
	    .overlaps = 5,
	    .handled = 20};

	ktest_need(radix_lf_create(&cfg, &routes.tree) == 0);
	for (int i = 0; i < ITEMS; i++)
		sync_init(&routes.items[i].busy, 0);
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++)
		routes.old[i] = 0;
	for (unsigned i = 0; i < SINGLE; i++)
		routes.there[i] = false;
	routes.rand = 1;
	ktest_body_fill(&routes.root.body, 0);
	ktest_check(radix_lf_insert(routes.tree, &routes.root) == 0);
	update_group();
	if (!ktest_failed())
		ktest_duel(&duel);
	if (!ktest_failed())
		tree_empty();
	radix_lf_destroy(routes.tree);
}

static void
test_versions(void)
{
	tree_run(false);
}

static void
test_handlers(void)
{
	tree_run(true);
}

const struct ktest_case ktest_radix_lf[] = {
    {"radix_lf_versions", test_versions},
    {"radix_lf_handlers", test_handlers},
    {NULL, NULL},
};
