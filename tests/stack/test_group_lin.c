/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All ways in which a packet can meet short histories of what it goes by: its
 * address gives a group, the group a bucket, the bucket a slot.  Each of the
 * three changes: a route gets another group, whose id may be that of one that
 * is gone; a group other members, by a word or by buckets; a next hop another
 * gateway or header.  tests/lin/replay.h has them meet.
 *
 * The group that an address has is one answer, who is in it another, later one.
 * So a packet may go to g if, at two moments of its lookup, one after the other,
 * its route had a group, and g was in that group.  Groups are told apart by
 * what they are, not by their ids.
 */

#include <stdio.h>

#include "stack/nexthop/object.h"
#include "stack/nexthop/resolve.h"
#include "tests/lin/replay.h"
#include "tests/stack/fib4_routes.h"

#define OPS    4u
#define SLOTS  64u
#define POISON 0xee

/* Gateways; each is on an interface of its own, of the same number. */
enum {
	NOBODY,
	ONE,
	TWO,
	THREE,
	A,
	B,
	C,
	D,
	GATEWAYS
};

/* What groups there are; each of the members it may have at a time. */
enum what {
	GROUP_A,
	GROUP_AB,
	GROUP_CD,
	GROUP_D,
	OBJECT,
	RESILIENT,
	WHATS
};

static struct scene {
	struct route_arena *arena;
	struct fib4 *f;
	struct routes4 r;
	struct nexthop_groups *g;
	struct nexthop_objects *t;
	uint32_t id[2]; /* of the routes: default, specific; 0: none */
	enum what what[2];
	uint32_t members[WHATS]; /* now, a bit for each gateway */
	uint32_t down;           /* likewise, interfaces */

	struct {
		enum what what;
		uint32_t members[WHATS], down;
	} state[OPS + 1];
	struct replay_change change[OPS];
	unsigned int ops;
	uint32_t hash;
	bool batch;
	unsigned long histories, schedules, wrong;
	unsigned long again[3]; /* seen used again: ids, slots, buckets */
} scene;

/* ---- Memory of slots, which readers read plainly ---- */

struct line {
	uint8_t byte[SYNC_CACHELINE] __attribute__((aligned(SYNC_CACHELINE)));
};
static struct line slot[SLOTS];
static unsigned int unused[SLOTS], nunused;
static bool used_before[SLOTS];
static const struct nexthop_slot *found;

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
	unsigned int i;

	if (size != sizeof(struct nexthop_slot) || nunused == 0)
		return __real_aligned_alloc(align, size);
	i = unused[--nunused];
	scene.again[1] += used_before[i];
	used_before[i] = true;
	return &slot[i];
}

void
__wrap_free(void *p)
{
	const uintptr_t at = (uintptr_t)p - (uintptr_t)slot;

	if (at >= sizeof(slot)) {
		__real_free(p);
		return;
	}
	memset(p, POISON, sizeof(struct line));
	unused[nunused++] = (unsigned int)(at / sizeof(struct line));
}

static const void *
slot_to_read(const char *name, const void *last, size_t *size)
{
	(void)last;
	if (strcmp(name, "slot") != 0 || found == NULL)
		return NULL;
	*size = sizeof(*found);
	return found;
}

/* ---- What the writer does ---- */

static struct nexthop_watch *watching[GATEWAYS];

static void
watch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	watching[w->addr[3]] = w;
}

static void
unwatch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	if (watching[w->addr[3]] == w)
		watching[w->addr[3]] = NULL;
}

static const struct nexthop_group_neigh_ops neigh = {
    .watch = watch, .unwatch = unwatch};

static struct nexthop_hop
via(uint8_t gateway)
{
	return (struct nexthop_hop){.kind = NEXTHOP_VIA,
	    .weight = 1,
	    .netif = gateway,
	    .gateway = {10, 0, 0, gateway}};
}

static uint32_t
acquire(struct scene *s, enum what what)
{
	static const uint8_t first[WHATS] = {A, A, C, D, 0, 0};
	const struct nexthop_hop hops[2] = {
	    via(first[what]), via((uint8_t)(first[what] + 1))};
	const struct nexthop_group_config cfg = {.hops = hops,
	    .nhops = what == GROUP_AB || what == GROUP_CD ? 2 : 1};
	static uint32_t had[64];
	uint32_t id = 0;

	if (what == OBJECT)
		cr_assert_eq(nexthop_object_acquire(s->t, 1, &id), 0);
	else if (what == RESILIENT)
		cr_assert_eq(nexthop_object_acquire(s->t, 9, &id), 0);
	else
		cr_assert_eq(nexthop_group_acquire(s->g, &cfg, &id), 0);
	cr_assert_lt(id, 64);
	s->again[0] += had[id] != 0 && had[id] != 1 + (uint32_t)what;
	had[id] = 1 + what;
	return id;
}

/* Give a route another group, or none, and let go of the one before. */
static void
set(struct scene *s, unsigned int route, enum what what, bool there)
{
	const uint32_t old = s->id[route];

	s->id[route] = there ? acquire(s, what) : 0;
	s->what[route] = what;
	if (there)
		routes4_add(&s->r, 0, route, s->id[route]);
	else
		(void)routes4_remove(&s->r, 0, route);
	cr_assert_eq(routes4_stage(s->f, 0, route), 0);
	routes4_commit(&s->r, s->f);
	if (old != 0)
		nexthop_group_release(s->g, old);
}

static void
put(struct scene *s, uint32_t id, uint8_t gateway)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .hop = via(gateway)};
	const char *why;

	cr_assert_eq(
	    nexthop_object_add(s->t, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0);
	if (id == 1)
		s->members[OBJECT] = 1u << gateway;
}

/* Of objects 2 and 3, that is gateways TWO and THREE. */
static void
put_resilient(struct scene *s, uint32_t from, uint32_t to)
{
	const struct nexthop_object_member m[] = {{from, 1}, {to, 1}};
	const struct nexthop_object_config cfg = {.id = 9,
	    .member = m,
	    .nmembers = 1 + to - from,
	    .resilient = true,
	    .buckets = 2};
	const char *why;

	cr_assert_eq(
	    nexthop_object_add(s->t, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0);
	s->members[RESILIENT] = 1u << from | 1u << to;
}

static void
header(uint8_t gateway, bool there)
{
	const struct nexthop_adj adj = {
	    .netif = gateway, .hdr_len = 14, .hdr = {gateway}};
	struct nexthop_watch *w = watching[gateway];

	if (w != NULL)
		w->fn(w, there ? &adj : NULL);
}

static void
port(struct scene *s, uint8_t gateway, bool up)
{
	nexthop_group_port(s->g, gateway, up);
	s->down = (s->down & ~(1u << gateway)) | (up ? 0 : 1u << gateway);
}

/* The default route never leaves, so there is always somebody to go to. */
static void
change(struct scene *s, unsigned int op)
{
	switch (op) {
	case 0:
	case 1:
	case 2:
		set(s, 1, (enum what)op, true);
		break;
	case 3:
		set(s, 1, OBJECT, true);
		break;
	case 4:
		set(s, 1, RESILIENT, true);
		break;
	case 5:
		set(s, 1, s->what[1], false);
		break;
	case 6:
		set(s, 0, s->what[0] == GROUP_D ? GROUP_CD : GROUP_D, true);
		break;
	case 7:
		put(s, 1, s->members[OBJECT] == 1u << ONE ? B : ONE);
		break;
	case 8:
		put_resilient(s, 2, s->members[RESILIENT] >> TWO == 1 ? 3 : 2);
		break;
	case 9:
		put_resilient(s, 3, 3);
		break;
	case 10:
		header(A, true);
		break;
	case 11:
		header(A, false);
		break;
	case 12:
		port(s, A, (s->down >> A & 1) != 0);
		break;
	default:
		cr_assert_fail("no such change");
	}
}
#define CHANGES 13u

/* ---- Histories ---- */

static void
note_state(struct scene *s, unsigned int k)
{
	s->state[k].what = s->what[s->id[1] != 0];
	memcpy(s->state[k].members, s->members, sizeof(s->members));
	s->state[k].down = s->down;
}

/* Was there a group at one moment of the run with this gateway later on? */
static bool
was(const struct scene *s, unsigned int gateway, unsigned int from,
    unsigned int to)
{
	uint32_t down = s->state[from].down, up = ~down;

	for (unsigned int i = from; i <= to; i++) {
		down |= s->state[i].down;
		up |= ~s->state[i].down;
	}
	for (unsigned int i = from; i <= to; i++)
		for (unsigned int k = i; k <= to; k++) {
			const uint32_t in =
			    s->state[k].members[s->state[i].what];

			if (gateway == NOBODY ? (in & ~down) == 0
					      : (in & up) >> gateway & 1)
				return true;
		}
	return false;
}

static uint64_t
look_up(void *arg)
{
	struct scene *s = arg;
	uint32_t id = fib4_lookup(s->f, 0);

	if (s->batch)
		nexthop_resolve_batch(s->g, NULL, &id, &s->hash, &found, 1);
	else
		found = nexthop_resolve(s->g, NULL, id, s->hash);
	replay_point("slot");
	if (found == NULL)
		return NOBODY;
	/* Half a slot, or one that is gone, is nobody's. */
	if (found->gateway[3] != found->netif ||
	    (found->hdr_len != 0 && found->hdr[0] != found->netif))
		return REPLAY_LOST;
	return found->netif;
}

static void
judge(void *arg, uint64_t got, const struct replay_run *run)
{
	struct scene *s = arg;
	unsigned int from = 0, to = 0;

	while (from < s->ops && replay_over(run, &s->change[from]))
		from++;
	while (to < s->ops && replay_begun(run, &s->change[to]))
		to++;
	s->wrong += got >= GATEWAYS || !was(s, (unsigned int)got, from, to);
}

static void
meet(struct scene *s)
{
	const uint64_t section = pserialize_read_enter();

	replay_end();
	s->histories++;
	for (unsigned int i = 0; i < 4; i++) {
		s->batch = i % 2 != 0;
		s->hash = i / 2 == 0 ? 0 : UINT32_MAX / 3;
		s->schedules += replay_readers(look_up, judge, s);
	}
	pserialize_read_exit(section);
}

static void
reset(struct scene *s)
{
	put(s, 1, ONE);
	put_resilient(s, 2, 2);
	set(s, 0, GROUP_D, true);
	set(s, 1, GROUP_A, true);
	header(A, false);
	if (s->down != 0)
		port(s, A, true);
	s->ops = 0;
	note_state(s, 0);
}

static void
history(struct scene *s, unsigned int code, enum replay_grace grace)
{
	reset(s);
	replay_begin(grace);
	for (; s->ops < OPS; code /= CHANGES) {
		struct replay_change *c = &s->change[s->ops];

		replay_turn();
		c->begin = replay_now();
		change(s, code % CHANGES);
		c->end = replay_now();
		note_state(s, ++s->ops);
	}
	meet(s);
}

static void
explore(struct scene *s, enum replay_grace grace)
{
	unsigned int all = 1;

	for (unsigned int i = 0; i < OPS; i++)
		all *= CHANGES;
	for (unsigned int code = 0; code < all; code++)
		history(s, code, grace);
}

static void
begin(struct scene *s)
{
	const struct nexthop_group_limits limits = {
	    .groups = 32, .adjacencies = 64, .buckets = 64, .seed = 1};
	uint32_t at;

	for (nunused = 0; nunused < SLOTS; nunused++)
		unused[nunused] = nunused;
	*s = (struct scene){.members = {[GROUP_A] = 1u << A,
				[GROUP_AB] = 1u << A | 1u << B,
				[GROUP_CD] = 1u << C | 1u << D,
				[GROUP_D] = 1u << D}};
	cr_assert_eq(route_arena_create(ROUTE_ARENA_STEP, &s->arena), 0);
	cr_assert_eq(fib4_create(s->arena, &s->f), 0);
	cr_assert_eq(nexthop_group_create(&limits, &neigh, NULL, &s->g), 0);
	cr_assert_eq(nexthop_object_create(s->g, NULL, NULL, &s->t), 0);
	/* Have it mapped, all of it. */
	cr_assert_eq(route_arena_alloc(s->arena, 8, 8, &at), 0);
	route_arena_free(s->arena, at, 8);
	replay_region(route_arena_at(s->arena, 0), ROUTE_ARENA_STEP);
	replay_region(slot, sizeof(slot));
	replay_where = slot_to_read;
	put(s, 2, TWO);
	put(s, 3, THREE);
}

static void
end(struct scene *s)
{
	fprintf(stderr, "%lu histories, %lu schedules, %lu not linearizable\n",
	    s->histories, s->schedules, s->wrong);
	cr_assert_gt(s->again[0], 100);
	cr_assert_gt(s->again[1], 100);
	set(s, 0, GROUP_D, false);
	set(s, 1, GROUP_A, false);
	replay_no_region();
	nexthop_object_destroy(s->t);
	nexthop_group_destroy(s->g);
	fib4_destroy(s->f);
	route_arena_destroy(s->arena);
	free(s->r.route);
}

Test(group_lin, packet_goes_where_its_route_went, .timeout = 100)
{
	struct scene *s = &scene;

	begin(s);
	explore(s, REPLAY_LATE);
	explore(s, REPLAY_SOON);
	cr_assert_eq(s->wrong, 0);
	end(s);
}

/* Ids, buckets and slots that are used again at once are caught. */
Test(group_lin, grace_periods_that_do_not_wait_are_caught, .timeout = 100)
{
	struct scene *s = &scene;

	begin(s);
	explore(s, REPLAY_VOID);
	cr_assert_gt(s->wrong, 0);
	end(s);
}
