/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What readers may still see waits here, numbered by its grace period, for the
 * writer to take up again: ids, buckets and records are then his without a
 * lock against a reclaiming thread.
 */

#include "stack/nexthop/group_impl.h"

/* So many may wait before somebody pushes; it may cost a system call. */
#define PUSH_AT 64

void
nexthop_group_wait_add(struct nexthop_groups *g, struct nexthop_group_wait *w,
    void (*fn)(struct nexthop_groups *g, struct nexthop_group_wait *w))
{
	w->fn = fn;
	w->gp = pserialize_poll_start();
	TAILQ_INSERT_TAIL(&g->control->waits, w, link);
	g->control->stats.waiting++;
}

static void
run_first(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_group_wait *w = TAILQ_FIRST(&c->waits);

	TAILQ_REMOVE(&c->waits, w, link);
	c->stats.waiting--;
	w->fn(g, w);
}

void
nexthop_group_wait_run(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;

	if (c->stats.waiting >= PUSH_AT)
		(void)pserialize_poll_advance();
	while (!TAILQ_EMPTY(&c->waits) &&
	       pserialize_poll(TAILQ_FIRST(&c->waits)->gp))
		run_first(g);
}

void
nexthop_group_wait_all(struct nexthop_groups *g)
{
	/* What these let go of waits for readers that came later. */
	uint32_t n = g->control->stats.waiting;

	if (n == 0)
		return;
	pserialize_perform();
	while (n-- > 0)
		run_first(g);
}
