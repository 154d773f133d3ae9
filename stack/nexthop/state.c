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
 *   REACHABLE  send              new hwaddr: STALE           STALE
 *   STALE      send, PROBE       new hwaddr: STALE           remove
 *   PROBE      send              ANSWER: REACHABLE,          ask; in the end
 *                                new hwaddr: STALE           INCOMPLETE
 *   FAILED     unreachable       STALE                       remove
 *   PERMANENT  send              none                        none
 *
 * Bounds (RFC 6583 section 7.1): so many entries, so many of them INCOMPLETE,
 * so many requests to everybody a second.  Only entries that nobody verified
 * lately make room: FAILED, then, for our own packets, INCOMPLETE, then STALE,
 * the oldest first.  Probes are not counted: they go to known neighbours
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
#include "stack/nexthop/neigh_impl.h"

#define SEC           UINT64_C(1000000000)
#define PUSH_INTERVAL (SEC / 1000)

static enum nexthop_state
state_of(const struct nexthop_neigh *e)
{
	/* relaxed: the owner, who asks, is the only one to store it. */
	return sync_load_relaxed(&e->state);
}

static void
tell(const struct nexthop_neigh *e, enum event_action action)
{
	const struct nexthop_table *t = e->table;
	struct event ev = {
	    .kind = EVENT_NEIGH,
	    .action = action,
	    .netif = t->nif->id,
	    .af = t->af,
	    .state = (uint8_t)state_of(e),
	};

	if (!event_wanted(t->stack))
		return;
	memcpy(ev.ifname, t->nif->name, sizeof(ev.ifname));
	memcpy(ev.hwaddr, e->hwaddr, sizeof(ev.hwaddr));
	memcpy(ev.addr, e->key.word, sizeof(ev.addr));
	event_publish(t->stack, &ev);
}

static void
set_state(struct nexthop_neigh *e, enum nexthop_state to)
{
	struct nexthop_table *t = e->table;
	const enum nexthop_state from = state_of(e);

	TAILQ_REMOVE(&t->by_state[from], e, of_state);
	t->count[from]--;
	TAILQ_INSERT_TAIL(&t->by_state[to], e, of_state);
	t->count[to]++;
	/* relaxed: readers take it as a hint; the adjacency decides. */
	sync_store_relaxed(&e->state, to);
}

static void
adj_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct nexthop_adj, retire));
}

/* A header from the table's interface to hwaddr; NULL without memory. */
static struct nexthop_adj *
adj_make(const struct nexthop_table *t, const uint8_t *hwaddr, bool stale)
{
	struct nexthop_adj *adj = malloc(sizeof(*adj));

	if (adj == NULL)
		return NULL;
	*adj = (struct nexthop_adj){
	    .netif = t->nif->id, .hdr_len = NEXTHOP_HDR_LEN, .stale = stale};
	memcpy(adj->hdr, hwaddr, 6);
	memcpy(adj->hdr + 6, t->nif->hwaddr, 6);
	adj->hdr[12] = (uint8_t)(t->res->ethertype >> 8);
	adj->hdr[13] = (uint8_t)t->res->ethertype;
	return adj;
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

/* Take the packets that wait out of e. */
static struct pkt *
hold_take(struct nexthop_neigh *e)
{
	struct pkt *first = e->hold;

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

static void
hold_add(struct nexthop_neigh *e, struct worker *w, struct pkt *p)
{
	struct pkt *oldest = e->hold;

	p->next = NULL;
	*e->hold_end = p;
	e->hold_end = &p->next;
	if (++e->held <= NEXTHOP_HOLD_MAX)
		return;
	e->hold = oldest->next;
	e->held--;
	pkt_drop(w, oldest, e->table->nif->id, DROP_NEIGH_QUEUE_FULL);
}

void
nexthop_state_remove(
    struct nexthop_neigh *e, struct worker *w, enum drop_reason reason)
{
	struct nexthop_table *t = e->table;

	tell(e, EVENT_DELETE);
	timer_cancel(w, &e->timer);
	hold_drop(e, w, reason);
	pslist_writer_remove(&e->link);
	adj_swap(e, NULL);
	TAILQ_REMOVE(&t->by_state[state_of(e)], e, of_state);
	t->count[state_of(e)]--;
	t->nlinked--;
	e->linked = false;
	e->gp = pserialize_poll_start();
	TAILQ_INSERT_TAIL(&t->limbo, e, of_state);
}

/* An entry that readers have left, or NULL. */
static struct nexthop_neigh *
limbo_take(struct nexthop_table *t)
{
	struct nexthop_neigh *e = TAILQ_FIRST(&t->limbo);

	if (e == NULL || !pserialize_poll(e->gp))
		return NULL;
	TAILQ_REMOVE(&t->limbo, e, of_state);
	pslist_entry_fini(&e->link);
	return e;
}

/*
 * An entry that no reader stands on; NULL if there is none at the moment.
 * Somebody has to push the grace periods that limbo waits for.  It may cost a
 * system call, so now and then is enough while there are entries.
 */
static struct nexthop_neigh *
entry_take(struct nexthop_table *t, uint64_t now)
{
	struct nexthop_neigh *e;

	if (!TAILQ_EMPTY(&t->limbo) && now - t->pushed_at >= PUSH_INTERVAL) {
		t->pushed_at = now;
		(void)pserialize_poll_advance();
	}
	e = limbo_take(t);
	if (e != NULL)
		return e;
	if (t->fresh < t->npool) {
		e = &t->pool[t->fresh++];
		nexthop_state_init(t, e);
		return e;
	}
	(void)pserialize_poll_advance();
	return limbo_take(t);
}

/* Make room for an entry that will start in this state. */
static bool
evict(struct nexthop_table *t, struct worker *w, enum nexthop_state state)
{
	struct nexthop_neigh *e = TAILQ_FIRST(&t->by_state[NEXTHOP_FAILED]);

	/* What others send us must not push out what our packets wait for. */
	if (e == NULL && state != NEXTHOP_STALE)
		e = TAILQ_FIRST(&t->by_state[NEXTHOP_INCOMPLETE]);
	if (e == NULL)
		e = TAILQ_FIRST(&t->by_state[NEXTHOP_STALE]);
	if (e == NULL)
		return false;
	nexthop_state_remove(e, w, DROP_NEIGH_TABLE_FULL);
	return true;
}

/* A new entry in the given state, without adjacency, timer and event yet. */
static struct nexthop_neigh *
entry_create(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, enum nexthop_state state)
{
	struct nexthop_neigh *e;

	if (t->nlinked >= t->params.max_entries && !evict(t, w, state))
		return NULL;
	e = entry_take(t, w->now);
	if (e == NULL)
		return NULL;
	e->key = *key;
	e->linked = true;
	e->tries = e->ticks = 0;
	e->confirmed = w->now;
	memset(e->hwaddr, 0, sizeof(e->hwaddr));
	/* relaxed: the insertion below publishes the entry. */
	sync_store_relaxed(&e->state, state);
	TAILQ_INSERT_TAIL(&t->by_state[state], e, of_state);
	t->count[state]++;
	t->nlinked++;
	pslist_entry_init(&e->link);
	pslist_writer_insert_head(nexthop_bucket(t, key), &e->link);
	return e;
}

/* May one more request go to everybody? */
static bool
credit_take(struct nexthop_table *t, uint64_t now)
{
	const uint64_t cost = SEC / t->params.solicit_rate;
	const uint64_t passed = now - t->credit_at;

	t->credit_at = now;
	t->credit = passed >= SEC - t->credit ? SEC : t->credit + passed;
	if (t->credit < cost)
		return false;
	t->credit -= cost;
	return true;
}

/* Ask for e: everybody while INCOMPLETE, the neighbour itself in PROBE. */
static void
ask(struct nexthop_neigh *e, struct worker *w)
{
	struct nexthop_table *t = e->table;
	const bool probe = state_of(e) == NEXTHOP_PROBE;

	timer_arm(w, &e->timer, w->now + t->params.solicit_interval);
	e->ticks++;
	if (!probe && !credit_take(t, w->now))
		return;
	e->tries++;
	t->res->solicit(t->res_arg, w, t->nif, (const uint8_t *)e->key.word,
	    probe ? e->hwaddr : NULL);
}

static void
begin_incomplete(struct nexthop_neigh *e, struct worker *w)
{
	adj_swap(e, NULL);
	set_state(e, NEXTHOP_INCOMPLETE);
	e->tries = e->ticks = 0;
	tell(e, EVENT_CHANGE);
	ask(e, w);
}

/*
 * e is at hwaddr, and in state from now on: REACHABLE, STALE or PERMANENT.
 * Without memory for the adjacency nothing changes.
 */
static int
settle(struct nexthop_neigh *e, struct worker *w, const uint8_t *hwaddr,
    enum nexthop_state state)
{
	struct nexthop_table *t = e->table;
	const struct nexthop_params *params = &t->params;
	struct nexthop_adj *adj = adj_make(t, hwaddr, state == NEXTHOP_STALE);

	if (adj == NULL)
		return -ENOMEM;
	memmove(e->hwaddr, hwaddr, sizeof(e->hwaddr));
	if (state == NEXTHOP_PERMANENT)
		timer_cancel(w, &e->timer);
	else
		timer_arm(w, &e->timer,
		    w->now + (state == NEXTHOP_STALE ? params->stale_time
						     : params->reachable_time));
	if (state != NEXTHOP_STALE)
		e->confirmed = w->now;
	set_state(e, state);
	adj_swap(e, adj);
	return 0;
}

void
nexthop_state_hold(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, struct pkt *p)
{
	struct nexthop_neigh *e = nexthop_find(t, key);

	if (e != NULL) {
		SYNC_ASSERT(state_of(e) == NEXTHOP_INCOMPLETE);
		hold_add(e, w, p);
		return;
	}
	if (t->count[NEXTHOP_INCOMPLETE] < t->params.max_incomplete)
		e = entry_create(t, w, key, NEXTHOP_INCOMPLETE);
	if (e == NULL) {
		pkt_drop(w, p, t->nif->id, DROP_NEIGH_TABLE_FULL);
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

	if (e == NULL) {
		if (claim != NEXTHOP_CLAIM_REQUEST)
			return;
		e = entry_create(t, w, key, NEXTHOP_STALE);
		if (e == NULL)
			return;
		action = EVENT_ADD;
	}
	from = state_of(e);
	if (from == NEXTHOP_PERMANENT)
		return;
	if (claim == NEXTHOP_CLAIM_ANSWER &&
	    (from == NEXTHOP_INCOMPLETE || from == NEXTHOP_PROBE))
		to = NEXTHOP_REACHABLE;
	else if (memcmp(e->hwaddr, hwaddr, sizeof(e->hwaddr)) == 0 &&
		 from != NEXTHOP_INCOMPLETE && from != NEXTHOP_FAILED)
		return;
	if (settle(e, w, hwaddr, to) == 0) {
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

	if (e != NULL && state_of(e) == NEXTHOP_PERMANENT && !replace)
		return -EEXIST;
	if (e == NULL) {
		e = entry_create(t, w, key, NEXTHOP_INCOMPLETE);
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
		nexthop_state_remove(e, w, DROP_NEIGH_TABLE_FULL);
		return;
	}
	set_state(e, NEXTHOP_FAILED);
	timer_arm(w, &e->timer, w->now + t->params.failed_time);
	tell(e, EVENT_CHANGE);
	for (p = hold_take(e); p != NULL; p = next) {
		next = p->next;
		p->next = NULL;
		t->res->unreachable(
		    t->res_arg, w, t->nif, p, DROP_NEIGH_UNRESOLVED);
	}
}

static void
timer_due(struct worker *w, struct timer *timer)
{
	struct nexthop_neigh *e =
	    (struct nexthop_neigh *)((char *)timer -
				     offsetof(struct nexthop_neigh, timer));
	const struct nexthop_params *params = &e->table->params;

	switch (state_of(e)) {
	case NEXTHOP_INCOMPLETE:
		/* A request that the rate refused is made up for, once. */
		if (e->tries >= params->max_solicits ||
		    e->ticks >= 2 * params->max_solicits)
			give_up(e, w);
		else
			ask(e, w);
		break;
	case NEXTHOP_REACHABLE:
		if (settle(e, w, e->hwaddr, NEXTHOP_STALE) == 0)
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
	struct nexthop_adj *adj;

	/* POST release: pairs with the acquire in nexthop_send. */
	sync_store_release(&e->posted, false);
	if (!e->linked || state_of(e) != NEXTHOP_STALE)
		return;
	adj = adj_make(e->table, e->hwaddr, false);
	if (adj == NULL)
		return; /* the next use asks again */
	set_state(e, NEXTHOP_PROBE);
	adj_swap(e, adj);
	e->tries = e->ticks = 0;
	tell(e, EVENT_CHANGE);
	ask(e, w);
}

void
nexthop_state_init(struct nexthop_table *t, struct nexthop_neigh *e)
{
	e->table = t;
	e->hold_end = &e->hold;
	e->used.fn = note_use;
	timer_init(&e->timer, timer_due);
}
