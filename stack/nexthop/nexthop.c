/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What ties the next-hop table to its stack: interfaces set the bits of their
 * ports, and housekeeping moves the buckets whose timers ran out.  A timer of
 * the first worker rings for it, as the table is the control thread's; a change
 * of members that starts a timer rings at once, to have it armed.  What
 * waits for its readers is taken back by housekeeping, too; a callback after
 * their grace period rings for that.
 *
 * Ordering pairs
 *   ASKED   grace_over() stores asked (release) -> ask() loads it (acquire):
 *           the callback is done with the head before it is used again.
 */

#include "stack/nexthop/nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "stack/nexthop/neigh_impl.h"

_Static_assert(EVENT_HOPS_MAX == NEXTHOP_HOPS_MAX, "all members fit");

/* [c] constant  [w] control mutex  [o] the first worker */
struct nexthop {
	struct stack *stack;             /* [c] */
	struct nexthop_groups *groups;   /* [c] */
	struct nexthop_objects *objects; /* [c] */
	struct {
		const struct nexthop_family *ops;
		void *arg;
	} family[NETIF_AF_COUNT];     /* [w] */
	struct timer timer;           /* [o] */
	uint64_t due;                 /* [w] ns; UINT64_MAX: it is not armed */
	struct pserialize_head grace; /* [w] while not asked */
	SYNC_ATOMIC(bool) asked;      /* [a] a callback is under way */
};

static uint64_t
clock_of(void *arg)
{
	return stack_clock(arg);
}

static void
ring_now(void *arg)
{
	stack_housekeep_ring(arg);
}

static void
gone(void *arg, const uint32_t *groups, size_t n)
{
	const struct nexthop *nh = arg;

	for (unsigned int af = 0; af < NETIF_AF_COUNT; af++)
		if (nh->family[af].ops != NULL)
			nh->family[af].ops->gone(nh->family[af].arg, groups, n);
}

static void
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	const struct nexthop *nh = arg;

	*out = (struct nexthop_resolve_found){.group = NEXTHOP_GROUP_NONE};
	if (nh->family[af].ops != NULL)
		*out =
		    nh->family[af].ops->lookup(nh->family[af].arg, table, addr);
}

static void
describe(const struct nexthop_object_config *cfg, struct event *ev)
{
	if (cfg->nmembers == 0) {
		ev->type = cfg->hop.kind;
		ev->nhops = 1;
		ev->hop[0].netif = cfg->hop.netif;
		ev->hop[0].has_gateway = cfg->hop.kind == NEXTHOP_VIA;
		memcpy(ev->hop[0].gateway, cfg->hop.gateway,
		    sizeof(ev->hop[0].gateway));
		return;
	}
	ev->backup = cfg->backup;
	ev->nhops = cfg->nmembers;
	for (unsigned int i = 0; i < cfg->nmembers; i++) {
		ev->hop[i].id = cfg->member[i].id;
		ev->hop[i].weight = cfg->member[i].weight;
	}
	if (!cfg->resilient)
		return;
	ev->resilient = true;
	ev->buckets = cfg->buckets;
	ev->idle_timer = cfg->idle_timer;
	ev->unbalanced_timer = cfg->unbalanced_timer;
}

/* Tell those who are subscribed to events. */
static void
changed(void *arg, const struct nexthop_object_config *cfg,
    enum nexthop_object_change change)
{
	static const enum event_action actions[] = {
	    [NEXTHOP_OBJECT_ADDED] = EVENT_ADD,
	    [NEXTHOP_OBJECT_CHANGED] = EVENT_CHANGE,
	    [NEXTHOP_OBJECT_REMOVED] = EVENT_DELETE,
	};
	struct event ev = {.kind = EVENT_NEXTHOP,
	    .action = actions[change],
	    .nhid = cfg->id,
	    .protocol = cfg->protocol};

	if (!event_wanted(arg))
		return;
	describe(cfg, &ev);
	event_publish(arg, &ev);
}

static void
ring(struct worker *w, struct timer *t)
{
	(void)t;
	stack_housekeep_ring(w->stack);
}

static int
timer_set(struct worker *w, void *arg)
{
	struct nexthop *nh = arg;

	if (nh->due != UINT64_MAX)
		timer_arm(w, &nh->timer, nh->due);
	else
		timer_cancel(w, &nh->timer);
	return 0;
}

/* Have the timer ring at a time.  Under the control mutex, or as the last. */
static void
ring_at(struct nexthop *nh, uint64_t due)
{
	if (nh->due == due)
		return;
	nh->due = due;
	(void)worker_call(stack_worker(nh->stack, 0), timer_set, nh);
}

static void
grace_over(struct pserialize_head *head)
{
	struct nexthop *nh =
	    (struct nexthop *)(void *)((char *)head -
				       offsetof(struct nexthop, grace));
	struct stack *st = nh->stack;

	/* ASKED release: pairs with the acquire in ask. */
	sync_store_release(&nh->asked, false);
	stack_housekeep_ring(st);
}

/* If something waits for readers, have housekeeping called after them. */
static void
ask(struct nexthop *nh)
{
	struct nexthop_group_stats stats;

	nexthop_group_stats(nh->groups, &stats);
	/* ASKED acquire: pairs with the release in grace_over. */
	if (stats.waiting == 0 || sync_load_acquire(&nh->asked))
		return;
	/* relaxed: pserialize_call() orders it before the callback. */
	sync_store_relaxed(&nh->asked, true);
	pserialize_call(&nh->grace, grace_over);
}

static void
housekeep(void *state)
{
	struct nexthop *nh = state;
	const uint64_t now = stack_clock(nh->stack);

	if (nh->due <= now)
		nh->due = UINT64_MAX; /* it has fired, or does now */
	ring_at(nh, nexthop_group_upkeep(nh->groups, now));
	ask(nh);
}

static int
init(struct stack *st, void **state)
{
	const struct nexthop_group_limits limits = {
	    .workers = stack_nworkers(st),
	    .seed = (uint32_t)stack_seed(st) | 1, /* 0 is not repeatable */
	    .clock = clock_of,
	    .ring = ring_now,
	    .clock_arg = st,
	};
	struct nexthop *nh = calloc(1, sizeof(*nh));
	int error;

	if (nh == NULL)
		return -ENOMEM;
	nh->stack = st;
	nh->due = UINT64_MAX;
	timer_init(&nh->timer, ring);
	sync_init(&nh->asked, false);
	error = nexthop_group_create(
	    &limits, nexthop_group_neigh(), st, &nh->groups);
	if (error != 0)
		goto free_state;
	nexthop_resolve_via_set(nh->groups, lookup, nh);
	error = nexthop_object_create(nh->groups, gone, nh, &nh->objects);
	if (error != 0)
		goto destroy_groups;
	nexthop_object_watch(nh->objects, changed, st);
	*state = nh;
	return 0;
destroy_groups:
	nexthop_group_destroy(nh->groups);
free_state:
	free(nh);
	return error;
}

static void
fini(void *state)
{
	struct nexthop *nh = state;

	ring_at(nh, UINT64_MAX);
	pserialize_barrier(); /* for a callback that was asked for */
	nexthop_object_destroy(nh->objects);
	nexthop_group_destroy(nh->groups);
	free(nh);
}

static void
netif_event(void *state, struct netif *nif, enum netif_event event)
{
	struct nexthop *nh = state;

	nexthop_group_netif(nh->groups, nif, event);
	if (event == NETIF_EVENT_DETACH)
		(void)nexthop_object_purge_netif(nh->objects, nif->id);
}

const struct proto proto_nexthop = {
    .name = "nexthop",
    .carrier = PROTO_CARRIER_NONE,
    .init = init,
    .fini = fini,
    .netif_event = netif_event,
    .housekeep = housekeep,
};

struct nexthop_groups *
nexthop_groups_of(struct stack *st)
{
	const struct nexthop *nh = proto_state(st, &proto_nexthop);

	return nh != NULL ? nh->groups : NULL;
}

struct nexthop_objects *
nexthop_objects_of(struct stack *st)
{
	const struct nexthop *nh = proto_state(st, &proto_nexthop);

	return nh != NULL ? nh->objects : NULL;
}

int
nexthop_family_set(struct stack *st, enum netif_af af,
    const struct nexthop_family *family, void *arg)
{
	struct nexthop *nh = proto_state(st, &proto_nexthop);

	SYNC_REQUIRE(af < NETIF_AF_COUNT);
	if (nh == NULL)
		return -EPROTONOSUPPORT;
	nh->family[af].ops = family;
	nh->family[af].arg = arg;
	return 0;
}

int
nexthop_add(struct stack *st, const struct nexthop_object_config *cfg,
    enum nexthop_object_mode mode, const char **why)
{
	struct nexthop *nh = proto_state(st, &proto_nexthop);
	int error = -ENODEV;

	if (nh == NULL) {
		*why = "there are no next hops in this stack";
		return -EPROTONOSUPPORT;
	}
	stack_control_enter(st);
	*why = "there is no such interface";
	if (cfg->hop.netif == 0 || netif_present(st, cfg->hop.netif))
		error = nexthop_object_add(nh->objects, cfg, mode, why);
	/* A group may have got, or lost, buckets that wait to be moved. */
	housekeep(nh);
	stack_control_exit(st);
	return error;
}

int
nexthop_del_all(
    struct stack *st, const uint32_t *ids, size_t n, const char **why)
{
	struct nexthop *nh = proto_state(st, &proto_nexthop);
	int removed;

	if (nh == NULL) {
		*why = "there are no next hops in this stack";
		return -EPROTONOSUPPORT;
	}
	stack_control_enter(st);
	removed = nexthop_object_remove_all(nh->objects, ids, n, why);
	housekeep(nh);
	stack_control_exit(st);
	return removed;
}

int
nexthop_del(struct stack *st, uint32_t id, const char **why)
{
	const int removed = nexthop_del_all(st, &id, 1, why);

	if (removed == 0)
		*why = "no such id";
	return removed == 0 ? -ENOENT : removed < 0 ? removed : 0;
}

void
nexthop_slot_output(struct worker *w, struct netif *nif,
    const struct nexthop_slot *s, struct pkt *p)
{
	SYNC_ASSERT(s->netif == nif->id);
	p->tx_if = nif->id;
	nexthop_push_header(p, s->hdr, s->hdr_len);
	netif_output(w, nif, p);
}
