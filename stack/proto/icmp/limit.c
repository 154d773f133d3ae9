/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Token buckets.  A full bucket of a type holds a random part less than its
 * size: who counts the errors that one burst draws learns nothing about what
 * others drew before (the side channel of Man et al., CCS 2020, "DNS cache
 * poisoning attack reloaded").
 *
 * Destinations whose hashes collide share a bucket, so the table never grows,
 * and bounds errors also when the sources are forged.
 */

#include "libsync/base/assert.h"
#include "stack/core/worker.h"
#include "stack/proto/icmp/icmp_impl.h"

#define TOKEN UINT64_C(1000000000)

/* Errors of one type that may leave at once. */
static uint64_t
type_burst(uint32_t rate)
{
	return rate < 200 ? 10 : rate / 20;
}

/* Returns: true if the bucket is full now. */
static bool
refill(struct icmp_limit_bucket *b, uint64_t now, uint32_t rate, uint64_t size)
{
	const uint64_t passed = now - b->filled;
	const uint64_t most = size * TOKEN;

	/* Not to overflow: who waited that long has a full bucket. */
	if (!b->used || passed > most / rate)
		b->credit = most;
	else
		b->credit += passed * rate;
	b->filled = now;
	b->used = true;
	if (b->credit < most)
		return false;
	b->credit = most;
	return true;
}

static struct icmp_limit_bucket *
destination(struct icmp_limit *l, uint32_t dst)
{
	uint32_t h = dst ^ l->seed;

	/* MurmurHash3's last step: each bit reaches each other. */
	h ^= h >> 16;
	h *= 0x85ebca6bU;
	h ^= h >> 13;
	h *= 0xc2b2ae35U;
	h ^= h >> 16;
	return &l->destination[h % ICMP_LIMIT_DESTINATIONS];
}

bool
icmp_limit_pass(struct icmp_limit *l, struct worker *w, unsigned int type,
    uint32_t type_rate, uint32_t dst, uint32_t dst_rate)
{
	struct icmp_limit_bucket *t = &l->type[type], *d = destination(l, dst);
	const uint64_t burst = type_burst(type_rate);

	SYNC_ASSERT(type < ICMP_LIMIT_TYPES);
	if (type_rate != 0 && refill(t, w->now, type_rate, burst))
		t->credit -= worker_random(w) % (burst / 4 * TOKEN + 1);
	if (dst_rate != 0)
		(void)refill(d, w->now, dst_rate, dst_rate);
	if ((type_rate != 0 && t->credit < TOKEN) ||
	    (dst_rate != 0 && d->credit < TOKEN))
		return false;
	if (type_rate != 0)
		t->credit -= TOKEN;
	if (dst_rate != 0)
		d->credit -= TOKEN;
	return true;
}
