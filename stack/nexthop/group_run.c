/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The buckets of all groups are one array, dealt out in runs of a power of two
 * by a buddy allocator.  What it notes about a free run is beside the array,
 * since readers may still look at buckets.
 *
 * Invariants
 *   I1  run_order[i] is k exactly if a free run of 1 << k buckets begins at 2i;
 *       it is then on the list run_free[k].
 *   I2  No two free runs are buddies of each other: they would be one.
 */

#include <errno.h>

#include "stack/core/sparse.h"
#include "stack/nexthop/group_impl.h"

#define NIL UINT32_MAX

static void
push(struct nexthop_group_control *c, uint32_t at, unsigned int order)
{
	const uint32_t i = at / 2, first = c->run_free[order];

	c->run_order[i] = (uint8_t)order;
	c->run_prev[i] = NIL;
	c->run_next[i] = first;
	if (first != NIL)
		c->run_prev[first / 2] = at;
	c->run_free[order] = at;
}

static void
unlink_run(struct nexthop_group_control *c, uint32_t at)
{
	const uint32_t i = at / 2, next = c->run_next[i], prev = c->run_prev[i];

	if (prev == NIL)
		c->run_free[c->run_order[i]] = next;
	else
		c->run_next[prev / 2] = next;
	if (next != NIL)
		c->run_prev[next / 2] = prev;
	c->run_order[i] = 0;
}

int
nexthop_group_run_init(struct nexthop_group_control *c)
{
	const uint32_t half = c->limits.buckets / 2;

	c->run_order = sparse_alloc(half, sizeof(*c->run_order));
	c->run_next = sparse_alloc(half, sizeof(*c->run_next));
	c->run_prev = sparse_alloc(half, sizeof(*c->run_prev));
	if (c->run_order == NULL || c->run_next == NULL || c->run_prev == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < 32; i++)
		c->run_free[i] = NIL;
	while (UINT32_C(1) << c->run_top < c->limits.buckets)
		c->run_top++;
	push(c, 0, c->run_top);
	return 0;
}

void
nexthop_group_run_fini(struct nexthop_group_control *c)
{
	const uint32_t half = c->limits.buckets / 2;

	sparse_free(c->run_order, half, sizeof(*c->run_order));
	sparse_free(c->run_next, half, sizeof(*c->run_next));
	sparse_free(c->run_prev, half, sizeof(*c->run_prev));
}

static bool
take(struct nexthop_group_control *c, unsigned int order, uint32_t *out)
{
	unsigned int k = order;
	uint32_t at;

	while (k <= c->run_top && c->run_free[k] == NIL)
		k++;
	if (k > c->run_top)
		return false;
	at = c->run_free[k];
	unlink_run(c, at);
	while (k-- > order)
		push(c, at + (UINT32_C(1) << k), k);
	*out = at;
	return true;
}

int
nexthop_group_run_alloc(
    struct nexthop_groups *g, unsigned int order, struct nexthop_group_run *out)
{
	struct nexthop_group_control *c = g->control;
	uint32_t at;

	SYNC_REQUIRE(order >= NEXTHOP_GROUP_ORDER_MIN);
	if (!take(c, order, &at)) {
		nexthop_group_wait_all(g);
		if (!take(c, order, &at))
			return -ENOSPC;
	}
	c->stats.buckets += UINT32_C(1) << order;
	*out = (struct nexthop_group_run){.first = at, .order = order};
	return 0;
}

void
nexthop_group_run_free(
    struct nexthop_group_control *c, struct nexthop_group_run run)
{
	uint32_t at = run.first;
	unsigned int k = run.order;

	if (k == 0)
		return;
	c->stats.buckets -= UINT32_C(1) << k;
	for (; k < c->run_top; k++) {
		const uint32_t buddy = at ^ UINT32_C(1) << k;

		if (c->run_order[buddy / 2] != k)
			break;
		unlink_run(c, buddy);
		at &= ~(UINT32_C(1) << k);
	}
	push(c, at, k);
}
