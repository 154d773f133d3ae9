/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The states of a neighbour, and every change of a table.  All of it runs on
 * the owner; invariants, ordering pairs and reclamation: neigh.c.
 *
 *              packet            claim                       timer
 *   (none)     create, ask       REQUEST: create STALE
 *   INCOMPLETE hold              REACHABLE if ANSWER,        ask; in the end
 *                                else STALE; held leave      FAILED, held are
 *                                                            unreachable
 *   REACHABLE  send              new hwaddr: STALE           PROBE if it was
 *                                                            used, else STALE
 *   STALE      send, PROBE       new hwaddr: STALE           remove
 *   PROBE      send              ANSWER: REACHABLE,          ask; in the end
 *                                new hwaddr: STALE           INCOMPLETE
 *   FAILED     unreachable       STALE                       remove
 *   PERMANENT  send              none                        none
 *
 * Bounds (RFC 6583 section 7): so many entries, so many of them INCOMPLETE, so
 * many of these for one sender, so many packets that wait, so many requests to
 * everybody a second.  A share of the INCOMPLETE and of the requests is kept for
 * our own packets and, of the requests, for neighbours that answered once.  Who
 * makes room: entry.c.  Probes are not counted: they go to known neighbours
 * only, and a scan must not starve them.
 *
 * A packet given to the resolver or transmitted may come back here as an ICMP
 * error for another neighbour, so an entry is in its new state before its
 * packets leave, and is not touched after.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/neigh_impl.h"

#define SEC UINT64_C(1000000000)

/* Of a second's requests, those that only who is favoured may send. */
#define CREDIT_KEPT (SEC / 4)

static void
tell(const struct nexthop_neigh *e, enum event_action action)
{
	const struct nexthop_table *t = e->table;
	struct event ev = {
	    .kind = EVENT_NEIGH,
	    .action = action,
	    .netif = t->nif->id,
	    .af = t->af,
	    .state = (uint8_t)nexthop_entry_state(e),
	};

	if (!event_wanted(t->stack))
		return;
	memcpy(ev.ifname, t->nif->name, sizeof(ev.ifname));
	memcpy(ev.hwaddr, e->hwaddr, sizeof(ev.hwaddr));
	memcpy(ev.addr, e->key.word, sizeof(ev.addr));
	event_publish(t->stack, &ev);
}

static void
adj_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct nexthop_adj, retire));
}

/* A header from the table's interface to hwaddr. */
static void
adj_fill(const struct nexthop_table *t, const uint8_t *hwaddr, bool stale,
    struct nexthop_adj *adj)
{
	*adj = (struct nexthop_adj){
	    .netif = t->nif->id, .hdr_len = NEXTHOP_HDR_LEN, .stale = stale};
	memcpy(adj->hdr, hwaddr, 6);
	memcpy(adj->hdr + 6, t->nif->hwaddr, 6);
	adj->hdr[12] = (uint8_t)(t->res->ethertype >> 8);
	adj->hdr[13] = (uint8_t)t->res->ethertype;
}

static void
adj_swap(struct nexthop_neigh *e, struct nexthop_adj *adj)
{
	/* relaxed: only we, the owner, store it. */
	struct nexthop_adj *old = sync_load_relaxed(&e->adj);

	/* ADJ release: pairs with the acquires in neigh.c. */
	sync_store_release(&e->adj, adj);
	nexthop_neigh_tell(e, adj);
	if (old != NULL)
		pserialize_call(&old->retire, adj_free);
}

/*
 * e's adjacency leads to hwaddr.  If it does already it stays, and with it the
 * copies that others made.  -ENOMEM: nothing changed.
 */
static int
adj_set(struct nexthop_neigh *e, const uint8_t *hwaddr, bool stale)
{
	/* relaxed: only we, the owner, store it. */
	const struct nexthop_adj *old = sync_load_relaxed(&e->adj);
	struct nexthop_adj want, *adj;

	adj_fill(e->table, hwaddr, stale, &want);
	if (old != NULL && old->stale == want.stale &&
	    memcmp(old->hdr, want.hdr, sizeof(want.hdr)) == 0)
		return 0;
	adj = malloc(sizeof(*adj));
	if (adj == NULL)
		return -ENOMEM;
	*adj = want;
	adj_swap(e, adj);
	return 0;
}

/* Take the packets that wait out of e. */
static struct pkt *
hold_take(struct nexthop_neigh *e)
{
	struct pkt *first = e->hold;

	e->table->held -= e->held;
	e->table->owner->held -= e->held;
	e->hold = NULL;
	e->hold_end = &e->hold;
	e->held = 0;
	return first;
}

/* e has an adjacency: its packets leave, in order. */
static void
hold_send(struct nexthop_neigh *e, struct worker *w)
{
	struct pkt *next, *p = hold_take(e);

	e->wanted |= p != NULL;
	for (; p != NULL; p = next) {
		next = p->next;
		p->next = NULL;
		/* relaxed: only we, the owner, store it. */
		nexthop_send(w, e->table, e, sync_load_relaxed(&e->adj), p);
	}
}

static void
hold_drop(struct nexthop_neigh *e, struct worker *w, enum drop_reason reason)
{
	struct pkt *next, *p = hold_take(e);

	for (; p != NULL; p = next) {
		next = p->next;
		pkt_drop(w, p, e->table->nif->id, reason);
	}
}

/* p waits for e.  It, or the oldest that waits with it, has to go if too many
 * do. */
static void
hold_add(struct nexthop_neigh *e, struct worker *w, struct pkt *p)
{
	struct nexthop_table *t = e->table;
	const bool full = t->held >= t->params.max_held ||
			  t->owner->held >= t->owner->held_most;
	enum drop_reason reason = DROP_NEIGH_QUEUE_FULL;
	struct pkt *oldest;

	if (full && e->held < NEXTHOP_HOLD_MAX) {
		t->counters.refused_held++;
		reason = DROP_NEIGH_HELD;
	}
	if (full && e->held == 0) {
		pkt_drop(w, p, t->nif->id, reason);
		return;
	}
	p->next = NULL;
	*e->hold_end = p;
	e->hold_end = &p->next;
	if (!full && e->held < NEXTHOP_HOLD_MAX) {
		e->held++;
		t->held++;
		t->owner->held++;
		return;
	}
	oldest = e->hold;
	e->hold = oldest->next;
	pkt_drop(w, oldest, t->nif->id, reason);
}

void
nexthop_state_remove(
    struct nexthop_neigh *e, struct worker *w, enum drop_reason reason)
{
	tell(e, EVENT_DELETE);
	timer_cancel(w, &e->timer);
	hold_drop(e, w, reason);
	adj_swap(e, NULL);
	nexthop_entry_remove(e);
}

/*
 * May one more request go to everybody?  What we send ourselves, and neighbours
 * that answered once, are asked for before what others may be scanning.
 */
static bool
credit_take(struct nexthop_table *t, uint64_t now, bool favoured)
{
	const uint64_t cost = SEC / t->params.solicit_rate;
	const uint64_t kept =
	    CREDIT_KEPT < SEC - cost ? CREDIT_KEPT : SEC - cost;
	const uint64_t passed = now - t->credit_at;

	t->credit_at = now;
	t->credit = passed >= SEC - t->credit ? SEC : t->credit + passed;
	if (t->credit < cost + (favoured ? 0 : kept))
		return false;
	t->credit -= cost;
	return true;
}

/* Ask for e: everybody while INCOMPLETE, the neighbour itself in PROBE. */
static void
ask(struct nexthop_neigh *e, struct worker *w)
{
	struct nexthop_table *t = e->table;
	const bool probe = nexthop_entry_state(e) == NEXTHOP_PROBE;

	timer_arm(w, &e->timer, w->now + t->params.solicit_interval);
	e->ticks++;
	if (!probe && !credit_take(t, w->now, e->known || e->ours)) {
		t->counters.rate_limited++;
		return;
	}
	e->tries++;
	*(probe ? &t->counters.probes : &t->counters.solicits) += 1;
	t->res->solicit(t->res_arg, w, t->nif, (const uint8_t *)e->key.word,
	    probe ? e->hwaddr : NULL);
}

/* The adjacency, which does not say stale, is used meanwhile. */
static void
begin_probe(struct nexthop_neigh *e, struct worker *w)
{
	nexthop_entry_set(e, NEXTHOP_PROBE);
	e->tries = e->ticks = 0;
	tell(e, EVENT_CHANGE);
	ask(e, w);
}

static void
begin_incomplete(struct nexthop_neigh *e, struct worker *w)
{
	adj_swap(e, NULL);
	nexthop_entry_set(e, NEXTHOP_INCOMPLETE);
	e->tries = e->ticks = 0;
	tell(e, EVENT_CHANGE);
	ask(e, w);
}

/*
 * Who answered at the same time is not asked again at the same time (as RFC
 * 4861 6.3.2 has it, but never later than configured).
 */
static uint64_t
reachable_time(const struct nexthop_neigh *e, struct worker *w)
{
	const uint64_t time = e->table->params.reachable_time;

	return time - worker_random(w) % (time / 16 + 1);
}

/*
 * e is at hwaddr, and in state from now on: REACHABLE, STALE or PERMANENT.
 * Without memory for the adjacency nothing changes.
 */
static int
settle(struct nexthop_neigh *e, struct worker *w, const uint8_t *hwaddr,
    enum nexthop_state state)
{
	const struct nexthop_params *params = &e->table->params;
	int error = adj_set(e, hwaddr, state == NEXTHOP_STALE);

	if (error != 0)
		return error;
	memmove(e->hwaddr, hwaddr, sizeof(e->hwaddr));
	if (state == NEXTHOP_PERMANENT)
		timer_cancel(w, &e->timer);
	else
		timer_arm(w, &e->timer,
		    w->now + (state == NEXTHOP_STALE ? params->stale_time
						     : reachable_time(e, w)));
	if (state != NEXTHOP_STALE) {
		e->confirmed = w->now;
		e->known = true;
	}
	nexthop_entry_set(e, state);
	return 0;
}

/* Whose packet p is, as a number below NEXTHOP_SOURCES. */
static uint8_t
source_of(const struct nexthop_table *t, const struct pkt *p)
{
	const unsigned int off = t->res->src_off;
	/* An IPv6 site has as many addresses as it likes: its /64 is meant. */
	const unsigned int len = t->res->addr_len == 4 ? 4 : 8;
	uint64_t src = 0;

	if (off == 0 || p->len < off + len)
		return NEXTHOP_SOURCE_NONE;
	memcpy(&src, p->data + off, len);
	src = (src ^ t->seed) * UINT64_C(0x94d049bb133111eb);
	return (uint8_t)((src ^ src >> 32) >> 20) % NEXTHOP_SOURCES;
}

/* An entry for p to wait in; or why there is none. */
static enum drop_reason
admit(struct nexthop_table *t, struct worker *w, const struct nexthop_key *key,
    const struct pkt *p, struct nexthop_neigh **out)
{
	const bool ours = (p->flags & PKT_LOCAL_ORIGIN) != 0;
	const uint8_t source = ours ? NEXTHOP_SOURCE_NONE : source_of(t, p);
	const unsigned int most = t->params.max_incomplete;
	struct nexthop_neigh *e;

	/* An eighth is left to what we send ourselves. */
	if (t->count[NEXTHOP_INCOMPLETE] >= (ours ? most : most - most / 8)) {
		t->counters.refused_incomplete++;
		return DROP_NEIGH_INCOMPLETE;
	}
	if (source != NEXTHOP_SOURCE_NONE &&
	    t->by_source[source] >= t->params.max_source) {
		t->counters.refused_source++;
		return DROP_NEIGH_SOURCE;
	}
	e = nexthop_entry_create(t, w, key, NEXTHOP_INCOMPLETE);
	if (e == NULL) {
		t->counters.refused_full++;
		return DROP_NEIGH_TABLE_FULL;
	}
	e->ours = ours;
	e->source = source;
	if (source != NEXTHOP_SOURCE_NONE)
		t->by_source[source]++;
	*out = e;
	return DROP_REASON_COUNT;
}

void
nexthop_state_hold(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, struct pkt *p)
{
	struct nexthop_neigh *e = nexthop_find(t, key);
	enum drop_reason refused;

	if (e != NULL) {
		SYNC_ASSERT(nexthop_entry_state(e) == NEXTHOP_INCOMPLETE);
		hold_add(e, w, p);
		return;
	}
	refused = admit(t, w, key, p, &e);
	if (refused != DROP_REASON_COUNT) {
		pkt_drop(w, p, t->nif->id, refused);
		return;
	}
	tell(e, EVENT_ADD);
	hold_add(e, w, p);
	ask(e, w);
}

void
nexthop_state_claim(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, const uint8_t *hwaddr,
    enum nexthop_claim claim)
{
	struct nexthop_neigh *e = nexthop_find(t, key);
	enum event_action action = EVENT_CHANGE;
	enum nexthop_state from, to = NEXTHOP_STALE;
	bool moved;

	if (e == NULL) {
		if (claim != NEXTHOP_CLAIM_REQUEST)
			return;
		e = nexthop_entry_create(t, w, key, NEXTHOP_STALE);
		if (e == NULL) {
			t->counters.refused_claims++;
			return;
		}
		action = EVENT_ADD;
	}
	from = nexthop_entry_state(e);
	if (from == NEXTHOP_PERMANENT)
		return;
	if (claim == NEXTHOP_CLAIM_ANSWER &&
	    (from == NEXTHOP_INCOMPLETE || from == NEXTHOP_PROBE))
		to = NEXTHOP_REACHABLE;
	else if (memcmp(e->hwaddr, hwaddr, sizeof(e->hwaddr)) == 0 &&
		 from != NEXTHOP_INCOMPLETE && from != NEXTHOP_FAILED)
		return;
	moved = from != NEXTHOP_FAILED && e->known &&
		memcmp(e->hwaddr, hwaddr, sizeof(e->hwaddr)) != 0;
	if (settle(e, w, hwaddr, to) == 0) {
		t->counters.moved += moved;
		t->counters.confirmed += to == NEXTHOP_REACHABLE;
		tell(e, action);
		hold_send(e, w);
	} else if (action == EVENT_ADD) {
		nexthop_state_remove(e, w, DROP_NO_BUFFER);
	}
}

int
nexthop_state_permanent(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, const uint8_t *hwaddr, bool replace)
{
	struct nexthop_neigh *e = nexthop_find(t, key);
	enum event_action action = EVENT_CHANGE;
	int error;

	if (e != NULL && nexthop_entry_state(e) == NEXTHOP_PERMANENT &&
	    !replace)
		return -EEXIST;
	if (e == NULL) {
		e = nexthop_entry_create(t, w, key, NEXTHOP_INCOMPLETE);
		action = EVENT_ADD;
	}
	if (e == NULL)
		return -ENOSPC;
	error = settle(e, w, hwaddr, NEXTHOP_PERMANENT);
	if (error == 0) {
		tell(e, action);
		hold_send(e, w);
	} else if (action == EVENT_ADD) {
		nexthop_state_remove(e, w, DROP_NO_BUFFER);
	}
	return error;
}

/* Nobody answered. */
static void
give_up(struct nexthop_neigh *e, struct worker *w)
{
	struct nexthop_table *t = e->table;
	struct pkt *next, *p;

	if (e->tries == 0) { /* the rate let no request through: no verdict */
		nexthop_state_remove(e, w, DROP_NEIGH_RATE);
		return;
	}
	t->counters.failed++;
	nexthop_entry_set(e, NEXTHOP_FAILED);
	timer_arm(w, &e->timer, w->now + t->params.failed_time);
	tell(e, EVENT_CHANGE);
	for (p = hold_take(e); p != NULL; p = next) {
		next = p->next;
		p->next = NULL;
		t->res->unreachable(
		    t->res_arg, w, t->nif, p, DROP_NEIGH_UNRESOLVED);
	}
}

static bool
used_since_confirmed(const struct nexthop_neigh *e)
{
	const uint32_t used = nexthop_entry_used(e);

	return used != 0 &&
	       (int32_t)(used - nexthop_group_tick(e->confirmed)) > 0;
}

static void
timer_due(struct worker *w, struct timer *timer)
{
	struct nexthop_neigh *e =
	    (struct nexthop_neigh *)((char *)timer -
				     offsetof(struct nexthop_neigh, timer));
	const struct nexthop_params *params = &e->table->params;

	switch (nexthop_entry_state(e)) {
	case NEXTHOP_INCOMPLETE:
		/* A request that the rate refused is made up for, once. */
		if (e->tries >= params->max_solicits ||
		    e->ticks >= 2 * params->max_solicits)
			give_up(e, w);
		else
			ask(e, w);
		break;
	case NEXTHOP_REACHABLE:
		if (used_since_confirmed(e)) {
			e->table->counters.renewals++;
			begin_probe(e, w);
		} else if (settle(e, w, e->hwaddr, NEXTHOP_STALE) == 0)
			tell(e, EVENT_CHANGE);
		else
			timer_arm(w, &e->timer, w->now + SEC);
		break;
	case NEXTHOP_PROBE:
		if (e->tries >= params->max_probes)
			begin_incomplete(e, w);
		else
			ask(e, w);
		break;
	default: /* STALE, FAILED */
		e->table->counters.expired++;
		nexthop_state_remove(e, w, DROP_NEIGH_PURGED);
		break;
	}
}

/* Somebody used an adjacency that says stale. */
static void
note_use(struct worker *w, struct worker_msg *msg)
{
	struct nexthop_neigh *e =
	    (struct nexthop_neigh *)((char *)msg -
				     offsetof(struct nexthop_neigh, used));

	/* POST release: pairs with the acquire in nexthop_send. */
	sync_store_release(&e->posted, false);
	if (!e->linked || nexthop_entry_state(e) != NEXTHOP_STALE)
		return;
	if (adj_set(e, e->hwaddr, false) != 0)
		return; /* the next use asks again */
	e->wanted = true;
	begin_probe(e, w);
}

void
nexthop_state_init(struct nexthop_table *t, struct nexthop_neigh *e)
{
	e->table = t;
	e->hold_end = &e->hold;
	e->used.fn = note_use;
	timer_init(&e->timer, timer_due);
}
