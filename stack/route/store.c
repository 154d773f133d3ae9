/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory of routing tables.  A full table has a million prefixes and a few
 * thousand different ways, so that equal routes are made once, and equal lists
 * of candidates, too; what is left for a prefix is its key, its length and the
 * number of its list: eight bytes for IPv4, carved from slabs.
 *
 * Invariants
 *   I1  Two routes, or two lists, that exist are different, if only in what
 *       object a number meant when they were made.
 *   I2  An item holds one reference on its list, a list one on each of its
 *       routes; what nobody refers to is freed at once.
 *   I3  An id, once given to a list, names it until the last item with it has
 *       been freed, which is after the last reader that could have met it.  So
 *       does a group its route.
 *
 * Reclamation
 *   An item that left its tree comes back through retire.c; a list or a route
 *   has no readers of its own and goes with the last item that has it.
 *
 * Ordering pairs
 *   none: the queue and the tree bring their own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/sparse.h"
#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

#define SLAB_SIZE   65536U
#define BUCKETS_MIN 64U
#define GROUPS_MAX  (1U << 20)
#define GROUPS_MIN  64U

struct route_slab {
	struct route_slab *next;
	unsigned char bytes[];
};

/* --- Equal things once -------------------------------------------------- */

static int
index_init(struct route_index *x)
{
	x->bucket = calloc(BUCKETS_MIN, sizeof(struct route_intern *));
	x->nbuckets = BUCKETS_MIN;
	return x->bucket != NULL ? 0 : -ENOMEM;
}

static struct route_intern **
index_at(const struct route_index *x, uint32_t hash)
{
	return &x->bucket[hash & (x->nbuckets - 1)];
}

/* Without memory the chains just get longer. */
static void
index_grow(struct route_index *x)
{
	struct route_index bigger = {.nbuckets = 2 * x->nbuckets, .n = x->n};
	struct route_intern *i, *next;
	size_t k;

	bigger.bucket = calloc(bigger.nbuckets, sizeof(struct route_intern *));
	if (bigger.bucket == NULL)
		return;
	for (k = 0; k < x->nbuckets; k++) {
		for (i = x->bucket[k]; i != NULL; i = next) {
			next = i->next;
			i->next = *index_at(&bigger, i->hash);
			*index_at(&bigger, i->hash) = i;
		}
	}
	free(x->bucket);
	*x = bigger;
}

static void
index_insert(struct route_index *x, struct route_intern *i)
{
	if (x->n >= x->nbuckets)
		index_grow(x);
	i->next = *index_at(x, i->hash);
	*index_at(x, i->hash) = i;
	x->n++;
}

static void
index_remove(struct route_index *x, const struct route_intern *i)
{
	struct route_intern **at = index_at(x, i->hash);

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	x->n--;
}

static void
index_fini(struct route_index *x)
{
	struct route_intern *i, *next;
	size_t k;

	for (k = 0; x->bucket != NULL && k < x->nbuckets; k++) {
		for (i = x->bucket[k]; i != NULL; i = next) {
			next = i->next;
			free(i);
		}
	}
	free(x->bucket);
}

/* n is a multiple of 4. */
static uint32_t
hash_bytes(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t h = n;
	uint32_t w;

	for (; n > 0; n -= sizeof(w), p += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (uint32_t)(h ^ h >> 29);
}

/* --- Routes ------------------------------------------------------------- */

/* A route follows its head; all behind the groups belongs to what it is. */
#define CONTENT offsetof(struct route, metric)

static struct route *
route_of(struct route_intern *i)
{
	return (struct route *)(void *)(i + 1);
}

static struct route_intern *
intern_of(const struct route *r)
{
	return (struct route_intern *)(uintptr_t)r - 1;
}

static size_t
route_size(unsigned int nnexthops)
{
	return sizeof(struct route) + nnexthops * sizeof(struct route_nexthop);
}

static bool
same_route(const struct route *a, const struct route *b)
{
	return a->nnexthops == b->nnexthops &&
	       memcmp((const char *)a + CONTENT, (const char *)b + CONTENT,
		   route_size(a->nnexthops) - CONTENT) == 0;
}

/* Field by field, as the padding must be zero. */
static void
fill(const struct route_store *s, const struct route_config *cfg,
    uint32_t number, struct route *r)
{
	unsigned int i;

	memset(r, 0, route_size(cfg->nnexthops));
	r->metric = cfg->metric;
	r->table = cfg->table;
	r->nhid = cfg->nhid;
	r->type = cfg->type;
	r->protocol = cfg->protocol;
	r->distance = route_config_key(cfg).distance;
	r->nnexthops = (uint8_t)cfg->nnexthops;
	r->has_prefsrc = cfg->has_prefsrc;
	memcpy(r->prefsrc, cfg->prefsrc, s->bits / 8);
	for (i = 0; i < cfg->nnexthops; i++) {
		const struct route_nexthop *from = &cfg->nexthops[i];

		r->nexthops[i].netif = from->netif;
		r->nexthops[i].has_gateway = from->has_gateway;
		r->nexthops[i].recursive = from->recursive;
		r->nexthops[i].weight = from->weight;
		memcpy(r->nexthops[i].gateway, from->gateway, s->bits / 8);
		/* Another table may have another way to the gateway. */
		if (from->recursive)
			r->table = number;
	}
}

static int
group_alloc(struct route_store *s, uint32_t *out)
{
	uint32_t *next;
	uint32_t room;

	if (s->free_group != 0) {
		*out = s->free_group;
		s->free_group = s->group_next[*out];
		return 0;
	}
	if (s->ngroups + 1 == GROUPS_MAX)
		return -ENOSPC;
	if (s->ngroups + 1 >= s->groups_room) {
		room = s->groups_room == 0 ? GROUPS_MIN : 2 * s->groups_room;
		next = realloc(s->group_next, room * sizeof(*next));
		if (next == NULL)
			return -ENOMEM;
		s->group_next = next;
		s->groups_room = room;
	}
	*out = ++s->ngroups;
	return 0;
}

static void
group_free(struct route_store *s, uint32_t group)
{
	s->group_next[group] = s->free_group;
	s->free_group = group;
}

/* Copy r, which is new, into the store. */
static int
route_insert(struct route_store *s, const struct route *r, uint32_t hash,
    bool fits, const struct route **out)
{
	const size_t size = route_size(r->nnexthops);
	struct route_intern *i = malloc(sizeof(*i) + size);
	struct route *own;
	int error;

	if (i == NULL)
		return -ENOMEM;
	*i = (struct route_intern){.hash = hash};
	own = route_of(i);
	memcpy(own, r, size);
	error = group_alloc(s, &own->group);
	if (error != 0)
		goto free_intern;
	error = route_hops_acquire(s, own, fits);
	if (error != 0)
		goto free_group;
	s->way[own->group] = own;
	index_insert(&s->routes, i);
	*out = own;
	return 0;
free_group:
	group_free(s, own->group);
free_intern:
	free(i);
	return error;
}

/*
 * Does r lead where a new one like it would?  An object's number may be used
 * again before the routes of the last one are gone.
 */
static bool
still_leads(const struct route_store *s, const struct route *r)
{
	uint32_t hops;

	if (r->nhid == 0)
		return true;
	if (s->objects == NULL ||
	    nexthop_object_acquire(s->objects, r->nhid, &hops) != 0)
		return false;
	nexthop_group_release(s->groups, hops);
	return hops == r->hops;
}

int
route_store_route(struct route_store *s, const struct route_config *cfg,
    uint32_t number, const struct route **out)
{
	struct route *r = route_of(s->scratch);
	struct route_intern *i;
	uint32_t hash;

	fill(s, cfg, number, r);
	hash = hash_bytes(
	    (const char *)r + CONTENT, route_size(cfg->nnexthops) - CONTENT);
	for (i = *index_at(&s->routes, hash); i != NULL; i = i->next) {
		if (i->hash == hash && same_route(route_of(i), r) &&
		    still_leads(s, route_of(i))) {
			*out = route_of(i);
			return 0;
		}
	}
	return route_insert(s, r, hash, cfg->fits, out);
}

void
route_store_hold(const struct route *r)
{
	intern_of(r)->refs++;
}

void
route_store_release(struct route_store *s, const struct route *r)
{
	struct route_intern *i = intern_of(r);

	if (--i->refs > 0)
		return;
	index_remove(&s->routes, i);
	route_hops_release(s, r);
	group_free(s, r->group);
	free(i);
}

/* All of them, at the end. */
static void
routes_release(struct route_store *s)
{
	const struct route_intern *i;
	size_t k;

	for (k = 0; s->routes.bucket != NULL && k < s->routes.nbuckets; k++)
		for (i = s->routes.bucket[k]; i != NULL; i = i->next)
			route_hops_release(s, (const void *)(i + 1));
}

/* --- Lists of candidates ------------------------------------------------ */

static uint32_t
hash_list(const struct route *const *candidate, unsigned int n)
{
	uint32_t h = n, i;

	for (i = 0; i < n; i++)
		h = (h ^ intern_of(candidate[i])->hash) * 0x9e3779b1U;
	return h ^ h >> 16;
}

static union route_slot *
slot_of(const struct route_store *s, uint32_t id)
{
	return &s->slot[id >> ROUTE_CHUNK_BITS][id & (ROUTE_CHUNK - 1)];
}

static int
id_alloc(struct route_store *s, uint32_t *out)
{
	uint32_t id = s->free_set;
	union route_slot **chunk;

	if (id != 0) {
		s->free_set = slot_of(s, id)->free;
		*out = id;
		return 0;
	}
	id = s->nsets + 1;
	if (id == ROUTE_SETS_MAX)
		return -ENOSPC;
	chunk = &s->slot[id >> ROUTE_CHUNK_BITS];
	if (*chunk == NULL) {
		*chunk = calloc(ROUTE_CHUNK, sizeof(**chunk));
		if (*chunk == NULL)
			return -ENOMEM;
	}
	s->nsets = id;
	*out = id;
	return 0;
}

static void
id_free(struct route_store *s, uint32_t id)
{
	slot_of(s, id)->free = s->free_set;
	s->free_set = id;
}

static int
set_get(struct route_store *s, const struct route *const *candidate,
    unsigned int n, struct route_set **out)
{
	const size_t size = n * sizeof(candidate[0]);
	const uint32_t hash = hash_list(candidate, n);
	struct route_intern *i;
	struct route_set *set;
	uint32_t id;
	int error;

	for (i = *index_at(&s->sets, hash); i != NULL; i = i->next) {
		set = (struct route_set *)(void *)i;
		if (set->n == n && memcmp(set->route, candidate, size) == 0) {
			*out = set;
			return 0;
		}
	}
	error = id_alloc(s, &id);
	if (error != 0)
		return error;
	set = malloc(sizeof(*set) + size);
	if (set == NULL) {
		id_free(s, id);
		return -ENOMEM;
	}
	*set = (struct route_set){.intern.hash = hash, .id = id, .n = n};
	memcpy(set->route, candidate, size);
	while (n-- > 0)
		route_store_hold(set->route[n]);
	slot_of(s, id)->set = set;
	index_insert(&s->sets, &set->intern);
	*out = set;
	return 0;
}

static void
set_destroy(struct route_store *s, struct route_set *set)
{
	uint32_t i;

	index_remove(&s->sets, &set->intern);
	for (i = 0; i < set->n; i++)
		route_store_release(s, set->route[i]);
	id_free(s, set->id);
	free(set);
}

/* --- Items -------------------------------------------------------------- */

static size_t
item_size(const struct route_store *s)
{
	return sizeof(struct route_item) + s->bits / 8;
}

/* The first bytes of a free item are the address of the next. */
static void
item_push(struct route_store *s, struct route_item *i)
{
	struct route_item *const *from = &s->free_item;

	memcpy((void *)i, (const void *)from, sizeof(*from));
	s->free_item = i;
}

static struct route_item *
item_alloc(struct route_store *s)
{
	const size_t size = item_size(s);
	struct route_item *i = s->free_item, *next;
	struct route_slab *slab;

	if (i != NULL) {
		memcpy(&next, (const void *)i, sizeof(next));
		s->free_item = next;
		return i;
	}
	if (s->slabs == NULL || s->slab_used + size > SLAB_SIZE) {
		slab = malloc(sizeof(*slab) + SLAB_SIZE);
		if (slab == NULL)
			return NULL;
		slab->next = s->slabs;
		s->slabs = slab;
		s->slab_used = 0;
	}
	i = (struct route_item *)(void *)(s->slabs->bytes + s->slab_used);
	s->slab_used += size;
	return i;
}

int
route_store_item(struct route_store *s, const uint8_t *prefix,
    unsigned int plen, const struct route *const *candidate, unsigned int n,
    struct route_item **out)
{
	struct route_item *i = item_alloc(s);
	struct route_set *set;
	int error;

	if (i == NULL)
		return -ENOMEM;
	error = set_get(s, candidate, n, &set);
	if (error != 0) {
		item_push(s, i);
		return error;
	}
	set->intern.refs++;
	i->word = set->id << ROUTE_ITEM_PLEN_BITS | plen;
	memcpy(i->key, prefix, s->bits / 8);
	*out = i;
	return 0;
}

void
route_store_item_free(struct route_store *s, struct route_item *i)
{
	struct route_set *set =
	    (struct route_set *)(uintptr_t)route_item_set(s, i);

	item_push(s, i);
	if (--set->intern.refs == 0)
		set_destroy(s, set);
}

/* --- The store ---------------------------------------------------------- */

int
route_store_create(struct stack *st, enum netif_af af,
    struct nexthop_groups *groups, struct nexthop_objects *objects,
    struct route_store **out)
{
	struct route_store *s = aligned_alloc(SYNC_CACHELINE, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->stack = st;
	s->af = af;
	s->bits = af == NETIF_AF_INET ? 32 : 128;
	s->groups = groups;
	s->objects = objects;
	lfqueue_mpsc_init(&s->returned);
	s->way = sparse_alloc(GROUPS_MAX, sizeof(s->way[0]));
	s->scratch =
	    malloc(sizeof(*s->scratch) + route_size(ROUTE_NEXTHOPS_MAX));
	if (s->way == NULL || s->scratch == NULL ||
	    index_init(&s->routes) != 0 || index_init(&s->sets) != 0) {
		route_store_destroy(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void
route_store_destroy(struct route_store *s)
{
	struct route_slab *slab, *next;
	size_t i;

	index_fini(&s->sets);
	routes_release(s);
	index_fini(&s->routes);
	for (slab = s->slabs; slab != NULL; slab = next) {
		next = slab->next;
		free(slab);
	}
	for (i = 0; i < ROUTE_SETS_MAX / ROUTE_CHUNK; i++)
		free(s->slot[i]);
	if (s->arena != NULL)
		route_arena_destroy(s->arena);
	free(s->free_txn);
	sparse_free(s->way, GROUPS_MAX, sizeof(s->way[0]));
	free(s->group_next);
	free(s->scratch);
	free(s);
}
