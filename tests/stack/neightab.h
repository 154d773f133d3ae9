/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A neighbour table by itself, on an interface of two workers, with a resolver
 * that counts what it is asked for: what the tests of the cache share.
 */
#ifndef TESTS_STACK_NEIGHTAB_H
#define TESTS_STACK_NEIGHTAB_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/neigh.h"
#include "tests/stack/ethdev.h"

#define SEC  UINT64_C(1000000000)
#define TYPE 0x88b5

static struct stack *st;
static struct ethdev *dev;
static netif_id id;
static uint64_t now;

/* What the table asked its resolver for. */
static struct {
	unsigned int solicits, unicasts, unreachable;
	uint8_t last[4];
} asked;

static inline void
solicit(void *arg, struct worker *w, struct netif *nif, const uint8_t *addr,
    const uint8_t *hwaddr)
{
	cr_assert_eq(arg, &asked);
	cr_assert_eq(w, nexthop_owner(w->stack, nif->id));
	cr_assert(pserialize_in_read_section());
	asked.solicits++;
	asked.unicasts += hwaddr != NULL;
	memcpy(asked.last, addr, sizeof(asked.last));
}

static inline void
unreachable(void *arg, struct worker *w, struct netif *nif, struct pkt *p,
    enum drop_reason reason)
{
	cr_assert_eq(arg, &asked);
	asked.unreachable++;
	pkt_drop(w, p, nif->id, reason);
}

static const struct nexthop_resolver resolver = {
    .solicit = solicit,
    .unreachable = unreachable,
    .ethertype = TYPE,
    .addr_len = 4,
    .src_off = 12,
};

static struct nexthop_params params;

/* Takes the part of ARP: gives each interface a table. */
static inline void
netif_event(void *state, struct netif *nif, enum netif_event event)
{
	(void)state;
	if (event == NETIF_EVENT_ATTACH)
		cr_assert_eq(nexthop_table_attach(nif, NETIF_AF_INET, &resolver,
				 &asked, &params),
		    0);
	else if (event == NETIF_EVENT_DETACH)
		nexthop_table_detach(nif, NETIF_AF_INET);
}

static inline void
input(void *state, struct worker *w, struct pkt_batch *in)
{
	(void)state;
	pkt_drop_batch(w, in, in->pkt[0]->rx_if, DROP_NO_PROTO);
}

static const struct proto resolver_proto = {
    .name = "resolver",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_ETHER,
    .input = input,
    .netif_event = netif_event,
};
static const struct proto *const protos[] = {&resolver_proto, NULL};

/* Two workers, and a table with these bounds (NULL: the defaults). */
static inline void
begin(const struct nexthop_params *p)
{
	dev = calloc(1, sizeof(*dev));
	cr_assert_not_null(dev);
	nexthop_params_default(&params);
	if (p != NULL)
		params = *p;
	now = 100 * SEC;
	st = ethdev_stack(protos, 2, &now);
	id = ethdev_attach(st, dev);
}

static inline void
end(void)
{
	ethdev_settle(st);
	stack_destroy(st);
	free(dev);
}

static inline struct worker *
owner(void)
{
	return nexthop_owner(st, id);
}

static inline struct worker *
other(void)
{
	return stack_worker(st, 1 - owner()->id);
}

static inline void
pass(uint64_t ns)
{
	const uint64_t until = now + ns;

	for (;;) {
		uint64_t next;

		ethdev_settle(st);
		next = stack_next_event(st);
		if (next > until)
			break;
		now = next > now ? next : now + 1;
	}
	now = until;
	ethdev_settle(st);
}

/* Of the packets that are sent from now on. */
static uint32_t sender;
static uint8_t sender_flags;

struct send {
	uint8_t addr[4];
	unsigned int count;
};

static inline int
send_on(struct worker *w, void *arg)
{
	const struct send *s = arg;
	struct netif *nif = netif_lookup(w->stack, id);

	cr_assert_not_null(nif);
	for (unsigned int i = 0; i < s->count; i++) {
		struct pkt *p = pkt_alloc(w);

		cr_assert_not_null(p);
		p->len = 20;
		p->flags = sender_flags;
		p->data[0] = (uint8_t)i;
		memcpy(p->data + 12, &sender, sizeof(sender));
		memcpy(p->nexthop.bytes, s->addr, sizeof(s->addr));
		nexthop_output(w, nif, NETIF_AF_INET, p);
	}
	return 0;
}

/* Worker w sends count packets to 10.x.y.z, where n = x << 16 | y << 8 | z. */
static inline void
send(struct worker *w, unsigned int n, unsigned int count)
{
	struct send s = {
	    {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}, count};

	cr_assert_eq(worker_call(w, send_on, &s), 0);
}

/* What claims say from now on; another number is another card. */
static uint8_t card;

struct say {
	struct nexthop_said said;
	uint8_t addr[4], hwaddr[6];
};

static inline int
say_on(struct worker *w, void *arg)
{
	struct say *s = arg;
	struct pkt *p = pkt_alloc(w);

	cr_assert_not_null(p);
	nexthop_learn(
	    w, netif_lookup(w->stack, id), NETIF_AF_INET, &s->said, p);
	return 0;
}

/* Worker w hears that 10.x.y.z is at 02:00:card:x:y:z. */
static inline void
say(struct worker *w, unsigned int n, enum nexthop_claim claim)
{
	struct say s = {
	    .addr = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n},
	    .hwaddr = {2, 0, card, (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n},
	};

	s.said = (struct nexthop_said){s.addr, s.hwaddr, claim};
	cr_assert_eq(worker_call(w, say_on, &s), 0);
}

struct found {
	uint8_t addr[4];
	struct nexthop_entry entry;
	unsigned int count[NEXTHOP_STATE_COUNT], total;
	bool found;
};

static inline int
visit(void *arg, const struct nexthop_entry *e)
{
	struct found *f = arg;

	cr_assert_eq(e->netif, id);
	cr_assert_eq(e->af, NETIF_AF_INET);
	f->count[e->state]++;
	f->total++;
	if (memcmp(e->addr, f->addr, sizeof(f->addr)) == 0) {
		f->found = true;
		f->entry = *e;
	}
	return 0;
}

static inline struct found
find(unsigned int n)
{
	struct found f = {
	    .addr = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

	cr_assert_eq(nexthop_walk(st, id, NETIF_AF_INET, visit, &f), 0);
	return f;
}

static inline enum nexthop_state
state(unsigned int n)
{
	const struct found f = find(n);

	return f.found ? f.entry.state : NEXTHOP_STATE_COUNT;
}

#endif /* TESTS_STACK_NEIGHTAB_H */
