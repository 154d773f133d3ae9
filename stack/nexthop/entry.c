/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The entries of a table: where they come from, on which list they are, who
 * makes room, and when they were used last.  All of it runs on the owner.
 *
 * Room is made by those whom nobody verified, the oldest first (RFC 6583
 * section 7): FAILED; INCOMPLETE, if they are many; STALE ones that never
 * answered and were never sent to; INCOMPLETE; and last STALE, of the oldest
 * VICTIMS the one that was used longest ago.  REACHABLE, PROBE and PERMANENT
 * entries never do.  Somebody who asked us pushes out FAILED and unproven ones
 * only: he costs nobody what a packet waits for, or what once answered.
 *
 * Use is known without a shared write.  A worker that sends by an adjacency of
 * the cache stores the tick in its own cell of the entry, once a tick; who
 * copied the adjacency (struct nexthop_watch) keeps such cells himself and is
 * asked.  The owner reads the cells of all when it has to decide: whether to
 * probe a REACHABLE entry or let it become STALE, and who goes.  A cell is
 * never cleared: ticks up to the entry's birth are of its predecessor, whose
 * readers had left by then.
 */

#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/neigh_impl.h"

#define PUSH_INTERVAL UINT64_C(1000000) /* ns */

/* STALE entries that are compared before one has to go. */
#define VICTIMS 8

enum nexthop_state
nexthop_entry_state(const struct nexthop_neigh *e)
{
	/* relaxed: the owner, who asks, is the only one to store it. */
	return sync_load_relaxed(&e->state);
}

static void
list_join(struct nexthop_neigh *e, enum nexthop_state state)
{
	struct nexthop_table *t = e->table;

	e->list = (uint8_t)state;
	if (state == NEXTHOP_STALE && !e->known && !e->wanted)
		e->list = NEXTHOP_LIST_UNPROVEN;
	if (state == NEXTHOP_STALE)
		e->used_last = nexthop_entry_used(e);
	TAILQ_INSERT_TAIL(&t->list[e->list], e, of_list);
	t->count[state]++;
	/* relaxed: readers take it as a hint; the adjacency decides. */
	sync_store_relaxed(&e->state, state);
}

static void
list_leave(struct nexthop_neigh *e)
{
	struct nexthop_table *t = e->table;

	TAILQ_REMOVE(&t->list[e->list], e, of_list);
	t->count[nexthop_entry_state(e)]--;
	if (e->source != NEXTHOP_SOURCE_NONE)
		t->by_source[e->source]--;
	e->source = NEXTHOP_SOURCE_NONE;
}

void
nexthop_entry_set(struct nexthop_neigh *e, enum nexthop_state to)
{
	list_leave(e);
	list_join(e, to);
}

void
nexthop_entry_remove(struct nexthop_neigh *e)
{
	struct nexthop_table *t = e->table;

	pslist_writer_remove(&e->link);
	list_leave(e);
	t->nlinked--;
	e->linked = false;
	e->gp = pserialize_poll_start();
	TAILQ_INSERT_TAIL(&t->limbo, e, of_list);
}

uint32_t
nexthop_entry_used(const struct nexthop_neigh *e)
{
	const struct nexthop_table *t = e->table;
	const unsigned int n = stack_nworkers(t->stack);
	uint32_t last = nexthop_neigh_used(e);

	for (unsigned int w = 0; w < n; w++)
		last = nexthop_group_tick_later(last,
		    /* relaxed: that it was used matters, not for what. */
		    sync_load_relaxed(&t->mark[w * t->marks + e->index]));
	return last != 0 && (int32_t)(last - e->born) > 0 ? last : 0;
}

/* An entry that readers have left, or NULL. */
static struct nexthop_neigh *
limbo_take(struct nexthop_table *t)
{
	struct nexthop_neigh *e = TAILQ_FIRST(&t->limbo);

	if (e == NULL || !pserialize_poll(e->gp))
		return NULL;
	TAILQ_REMOVE(&t->limbo, e, of_list);
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
		e = &t->pool[t->fresh];
		e->index = t->fresh++;
		nexthop_state_init(t, e);
		return e;
	}
	(void)pserialize_poll_advance();
	return limbo_take(t);
}

/* Of the STALE, who was used longest ago. */
static struct nexthop_neigh *
least_used(const struct nexthop_table *t, uint64_t now)
{
	const uint32_t tick = nexthop_group_tick(now);
	struct nexthop_neigh *e, *best = NULL;
	uint32_t age, oldest = 0;
	int n = 0;

	TAILQ_FOREACH(e, &t->list[NEXTHOP_STALE], of_list)
	{
		const uint32_t used = nexthop_group_tick_later(
		    e->used_last, nexthop_entry_used(e));

		/* Another worker's clock may be a turn ahead. */
		age = used == 0                    ? UINT32_MAX
		      : (int32_t)(tick - used) < 0 ? 0
						   : tick - used;
		if (best == NULL || age > oldest) {
			best = e;
			oldest = age;
		}
		if (++n == VICTIMS)
			break;
	}
	return best;
}

/* Who makes room for an entry that will start in this state? */
static struct nexthop_neigh *
victim(struct nexthop_table *t, uint64_t now, enum nexthop_state state)
{
	const struct nexthop_params *p = &t->params;
	const unsigned int most = p->max_incomplete < p->max_entries
				      ? p->max_incomplete
				      : p->max_entries;
	const bool asked = state == NEXTHOP_STALE;
	struct nexthop_neigh *e = TAILQ_FIRST(&t->list[NEXTHOP_FAILED]);

	if (e == NULL && !asked && t->count[NEXTHOP_INCOMPLETE] > most / 8)
		e = TAILQ_FIRST(&t->list[NEXTHOP_INCOMPLETE]);
	if (e == NULL)
		e = TAILQ_FIRST(&t->list[NEXTHOP_LIST_UNPROVEN]);
	if (e == NULL && !asked)
		e = TAILQ_FIRST(&t->list[NEXTHOP_INCOMPLETE]);
	if (e == NULL && !asked)
		e = least_used(t, now);
	return e;
}

static void
evict(struct nexthop_neigh *e, struct worker *w)
{
	struct nexthop_counters *c = &e->table->counters;

	switch (e->list) {
	case NEXTHOP_FAILED:
		c->evicted_failed++;
		break;
	case NEXTHOP_INCOMPLETE:
		c->evicted_incomplete++;
		break;
	case NEXTHOP_LIST_UNPROVEN:
		c->evicted_unproven++;
		break;
	default:
		c->evicted_stale++;
		break;
	}
	nexthop_state_remove(e, w, DROP_NEIGH_EVICTED);
}

struct nexthop_neigh *
nexthop_entry_create(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, enum nexthop_state state)
{
	struct nexthop_neigh *e, *gone = NULL;

	if (t->nlinked >= t->params.max_entries) {
		gone = victim(t, w->now, state);
		if (gone == NULL)
			return NULL;
	}
	/* Nobody goes for an entry that cannot be had. */
	e = entry_take(t, w->now);
	if (e == NULL)
		return NULL;
	while (gone != NULL) {
		evict(gone, w);
		/* More than one if the bound was lowered. */
		gone = t->nlinked < t->params.max_entries
			   ? NULL
			   : victim(t, w->now, state);
	}
	e->key = *key;
	e->linked = true;
	e->known = e->wanted = e->ours = false;
	e->source = NEXTHOP_SOURCE_NONE;
	e->tries = e->ticks = 0;
	e->used_last = 0;
	e->confirmed = w->now;
	e->born = nexthop_group_tick(w->now);
	memset(e->hwaddr, 0, sizeof(e->hwaddr));
	/* The insertion below publishes the state, too. */
	list_join(e, state);
	t->nlinked++;
	t->counters.created++;
	pslist_entry_init(&e->link);
	pslist_writer_insert_head(nexthop_bucket(t, key), &e->link);
	return e;
}
