/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers resolve while everything behind the ids changes: objects get other
 * gateways, groups other members, gateways other routes, neighbours other
 * headers, and ids are used again as fast as grace periods let them.
 *
 * A gateway number carries the version of what made it.  The writer notes what
 * it begins and what it has done, so each answer must lie between what was done
 * before the reader looked and what had begun after.
 */

#include <pthread.h>
#include <sched.h>

#include "libsync/base/atomic.h"
#include "stack/nexthop/object.h"
#include "tests/stack/grouptab.h"
#include "tests/stress.h"

#define READERS 2
#define MEMBERS 12 /* objects 101 .. of the groups */
#define WINDOW  3  /* of which a group has so many, by its version */

/* What has a version. */
enum thing {
	OBJECT,    /* its gateway */
	GROUP,     /* its members */
	RESILIENT, /* its members */
	FAR,       /* the route to its gateway */
	IDS,       /* an id that is used again */
	THINGS
};

/* [a] atomic  [c] constant while readers run */
static struct {
	SYNC_ATOMIC(uint32_t) begun; /* [a] */
	SYNC_ATOMIC(uint32_t) done;  /* [a] */
	SYNC_ATOMIC(uint32_t) id;    /* [a] the group */
} thing[THINGS];

static SYNC_ATOMIC(bool) stop;
static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint32_t far_route;

/*
 * The owner of the neighbours: a thread that changes headers at random; what is
 * watched is on a list of its own.
 */
#define NEIGHBOURS 64
static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;
static struct nexthop_watch *watching[NEIGHBOURS];

static void
tell(struct nexthop_watch *w, uint8_t version)
{
	struct nexthop_adj adj = {.hdr_len = 14};

	memset(adj.hdr, version, 6);
	adj.hdr[6] = w->addr[2];
	adj.hdr[7] = w->addr[3];
	w->fn(w, version % 8 == 0 ? NULL : &adj);
}

static void
watch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	(void)pthread_mutex_lock(&owner);
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		if (watching[i] == NULL) {
			watching[i] = w;
			tell(w, 1);
			break;
		}
	(void)pthread_mutex_unlock(&owner);
}

static void
unwatch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	(void)pthread_mutex_lock(&owner);
	for (unsigned int i = 0; i < NEIGHBOURS; i++)
		if (watching[i] == w)
			watching[i] = NULL;
	(void)pthread_mutex_unlock(&owner);
}

static const struct nexthop_group_neigh_ops ops = {
    .watch = watch, .unwatch = unwatch};

static void *
neighbours(void *arg)
{
	uint32_t rnd = 77;

	(void)arg;
	/* relaxed: it only ends the loop. */
	while (!sync_load_relaxed(&stop)) {
		(void)pthread_mutex_lock(&owner);
		for (unsigned int i = 0; i < 8; i++) {
			const uint32_t r = random_next(&rnd);

			if (watching[r % NEIGHBOURS] != NULL)
				tell(watching[r % NEIGHBOURS],
				    (uint8_t)(r >> 8));
		}
		(void)pthread_mutex_unlock(&owner);
		sched_yield();
	}
	return NULL;
}

/* A version that a gateway shows, 16 bits of it: which was meant? */
static bool
between(uint32_t lo, uint32_t hi, int shown)
{
	return shown >= 0 && (uint16_t)(shown - lo) <= hi - lo;
}

/* Is member k in some window of lo .. hi? */
static bool
member_between(uint32_t lo, uint32_t hi, int k)
{
	if (hi - lo >= MEMBERS)
		return k >= 0;
	for (uint32_t v = lo; v != hi + 1; v++)
		for (uint32_t i = 0; i < WINDOW; i++)
			if ((int)((v + i) % MEMBERS) == k)
				return true;
	return false;
}

static void
check_slot(const struct nexthop_slot *s)
{
	cr_assert_not_null(s);
	if (s->hdr_len == 0)
		return;
	for (unsigned int i = 1; i < 6; i++)
		cr_assert_eq(s->hdr[i], s->hdr[0], "a header is whole");
	cr_assert_eq(s->hdr[6], s->gateway[2], "and the gateway's");
	cr_assert_eq(s->hdr[7], s->gateway[3]);
}

static void
read_one(enum thing what, struct nexthop_group_marks *m, uint32_t hash)
{
	/* acquire: pairs with the writer's release of done. */
	const uint32_t lo = sync_load_acquire(&thing[what].done);
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the writer's release of an id. */
	const uint32_t id = sync_load_acquire(&thing[what].id);
	const struct nexthop_slot *slot;
	uint32_t hi;
	int gateway;

	if (hash % 2 == 0)
		slot = nexthop_resolve(g, m, id, hash);
	else
		nexthop_resolve_batch(g, m, &id, &hash, &slot, 1);
	check_slot(slot);
	gateway = gateway_of(slot);
	/* acquire: what is read above is not newer than this. */
	hi = sync_load_acquire(&thing[what].begun);
	pserialize_read_exit(s);
	if (what == GROUP || what == RESILIENT)
		cr_assert(member_between(lo, hi, gateway - 1),
		    "member %d, versions %u to %u", gateway, lo, hi);
	else
		cr_assert(between(lo, hi, gateway),
		    "thing %d: %d, versions %u to %u", (int)what, gateway, lo,
		    hi);
}

static void *
reader(void *arg)
{
	struct nexthop_group_marks *m =
	    nexthop_group_marks(g, (unsigned int)(uintptr_t)arg);
	uint32_t rnd = 1 + (uint32_t)(uintptr_t)arg;
	unsigned int n = 0;

	/* relaxed: it only ends the loop. */
	while (!sync_load_relaxed(&stop)) {
		for (unsigned int i = 0; i < 64; i++) {
			m->tick = 1 + rnd % 100;
			read_one((enum thing)(rnd >> 8) % THINGS, m,
			    random_next(&rnd));
		}
		if (++n % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	(void)arg;
	(void)table;
	(void)af;
	(void)addr;
	*out = (struct nexthop_resolve_found){.group = far_route};
}

static void
put(const struct nexthop_object_config *cfg)
{
	const char *why = "";

	cr_assert_eq(nexthop_object_add(t, cfg, NEXTHOP_OBJECT_REPLACE, &why),
	    0, "%s", why);
}

static void
put_single(uint32_t id, uint32_t gateway)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .hop = via(gateway & 0xffff, 1, 1)};

	put(&cfg);
}

static void
put_group(uint32_t id, uint32_t version, bool resilient)
{
	struct nexthop_object_member m[WINDOW];
	const struct nexthop_object_config cfg = {.id = id,
	    .member = m,
	    .nmembers = WINDOW,
	    .resilient = resilient,
	    .buckets = 16};

	for (uint32_t i = 0; i < WINDOW; i++)
		m[i] = (struct nexthop_object_member){
		    .id = 101 + (version + i) % MEMBERS,
		    .weight = (uint16_t)(1 + i)};
	put(&cfg);
}

static void
put_route(uint32_t version)
{
	const uint8_t all[4] = {0};
	const struct nexthop_hop hop = via(version & 0xffff, 2, 1);
	const uint32_t old = far_route;

	far_route = group(g, &hop, 1, 0);
	(void)nexthop_resolve_via_stage(g, 0, NETIF_AF_INET, all, 0);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	if (old != 0)
		nexthop_group_release(g, old);
}

static void
put_id(uint32_t version)
{
	const struct nexthop_hop hop = via(version & 0xffff, 3, 1);
	/* relaxed: we, the writer, stored it. */
	const uint32_t old = sync_load_relaxed(&thing[IDS].id);

	/* release: pairs with the readers' acquire. */
	sync_store_release(&thing[IDS].id, group(g, &hop, 1, 0));
	if (old != 0)
		nexthop_group_release(g, old);
}

/* The next version of what. */
static void
advance(enum thing what)
{
	/* relaxed: we, the writer, stored it. */
	const uint32_t v = sync_load_relaxed(&thing[what].begun) + 1;

	/* release: readers that see the change see this, too. */
	sync_store_release(&thing[what].begun, v);
	if (what == OBJECT)
		put_single(1, v);
	else if (what == GROUP || what == RESILIENT)
		put_group(what == GROUP ? 2 : 3, v, what == RESILIENT);
	else if (what == FAR)
		put_route(v);
	else
		put_id(v);
	/* release: pairs with the readers' acquire. */
	sync_store_release(&thing[what].done, v);
}

static void
begin(void)
{
	/* So few ids and buckets that they are used again at once. */
	const struct nexthop_group_limits limits = {.groups = 32,
	    .adjacencies = 48,
	    .buckets = 8192,
	    .workers = READERS};
	const struct nexthop_hop far = via(999, 0, 1);
	uint32_t id;

	cr_assert_eq(nexthop_group_create(&limits, &ops, NULL, &g), 0);
	cr_assert_eq(nexthop_object_create(g, NULL, NULL, &t), 0);
	nexthop_resolve_via_set(g, lookup, NULL);
	for (unsigned int k = 0; k < MEMBERS; k++)
		put_single(101 + k, k + 1);
	for (enum thing what = OBJECT; what < THINGS; what++)
		advance(what);
	id = group(g, &far, 1, 0);
	sync_init(&thing[FAR].id, id);
	for (enum thing what = OBJECT; what <= RESILIENT; what++) {
		cr_assert_eq(nexthop_object_acquire(t, what + 1, &id), 0);
		sync_init(&thing[what].id, id);
	}
}

Test(group_stress, each_answer_is_of_a_state_that_existed)
{
	const unsigned long n = stress_n(20000);
	pthread_t thread[READERS + 1];
	uint32_t rnd = 4242;

	begin();
	for (uintptr_t i = 0; i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, (void *)i), 0);
	cr_assert_eq(
	    pthread_create(&thread[READERS], NULL, neighbours, NULL), 0);
	for (unsigned long i = 0; i < n; i++) {
		advance((enum thing)(random_next(&rnd) % THINGS));
		if (i % 16 == 0)
			(void)nexthop_group_upkeep(g, i << 20);
		if (i % 8 == 0)
			sched_yield();
	}
	/* relaxed: it only ends the loops. */
	sync_store_relaxed(&stop, true);
	for (unsigned int i = 0; i <= READERS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	nexthop_object_destroy(t);
	nexthop_group_destroy(g);
}
