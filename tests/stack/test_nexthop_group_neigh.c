/* SPDX-License-Identifier: BSD-2-Clause */

/* Adjacencies of the group table follow the neighbours of a stack. */

#include "tests/stack/ethdev.h"
#include "tests/stack/grouptab.h"

#define SEC UINT64_C(1000000000)

static struct stack *st;
static struct ethdev *dev;
static struct nexthop_groups *g;
static netif_id id;
static uint64_t now;

static void
solicit(void *arg, struct worker *w, struct netif *nif, const uint8_t *addr,
    const uint8_t *hwaddr)
{
	(void)arg;
	(void)w;
	(void)nif;
	(void)addr;
	(void)hwaddr;
}

static void
unreachable(void *arg, struct worker *w, struct netif *nif, struct pkt *p,
    enum drop_reason reason)
{
	(void)arg;
	pkt_drop(w, p, nif->id, reason);
}

static const struct nexthop_resolver resolver = {
    .solicit = solicit,
    .unreachable = unreachable,
    .ethertype = 0x88b5,
    .addr_len = 4,
};

static void
netif_event(void *state, struct netif *nif, enum netif_event event)
{
	struct nexthop_params params;

	(void)state;
	nexthop_params_default(&params);
	if (g != NULL)
		nexthop_group_netif(g, nif, event);
	if (event == NETIF_EVENT_ATTACH)
		cr_assert_eq(nexthop_table_attach(
				 nif, NETIF_AF_INET, &resolver, NULL, &params),
		    0);
	else if (event == NETIF_EVENT_DETACH)
		nexthop_table_detach(nif, NETIF_AF_INET);
}

static void
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

static void
begin(void)
{
	const struct nexthop_group_limits limits = {.workers = 2};

	dev = calloc(1, sizeof(*dev));
	cr_assert_not_null(dev);
	now = 100 * SEC;
	st = ethdev_stack(protos, 2, &now);
	id = ethdev_attach(st, dev);
	cr_assert_eq(
	    nexthop_group_create(&limits, nexthop_group_neigh(), st, &g), 0);
}

static void
end(void)
{
	nexthop_group_destroy(g);
	g = NULL;
	ethdev_settle(st);
	stack_destroy(st);
	free(dev);
}

TestSuite(group_neigh, .init = begin, .fini = end);

static void
configure(unsigned int n, uint8_t last)
{
	const uint8_t addr[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};
	const uint8_t hwaddr[6] = {2, 0, 0, 0, 0, last};

	cr_assert_eq(
	    nexthop_static_add(st, id, NETIF_AF_INET, addr, hwaddr, true), 0);
}

static void
forget(unsigned int n)
{
	const uint8_t addr[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};

	cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), 0);
}

/* The last byte of the address in the header; -1: none is prebuilt. */
static int
header(uint32_t group_id)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(g, NULL, group_id, 0);
	int last = -1;

	cr_assert_not_null(slot);
	cr_assert_eq(slot->netif, id);
	if (slot->hdr_len != 0) {
		cr_assert_eq(slot->hdr_len, 14);
		cr_assert_eq(slot->hdr[12] << 8 | slot->hdr[13], 0x88b5);
		cr_assert_arr_eq(slot->hdr + 6, ethdev_hwaddr, 6);
		last = slot->hdr[5];
	}
	pserialize_read_exit(s);
	return last;
}

static uint32_t
one(struct nexthop_hop hop)
{
	return group(g, &hop, 1, 0);
}

Test(group_neigh, a_neighbour_that_moves_is_one_word)
{
	uint32_t before, after;
	uint64_t words;

	configure(7, 0x17);
	before = one(via(7, id, 1));
	after = one(via(8, id, 1));
	cr_assert_eq(header(before), 0x17, "known when it was made");
	cr_assert_eq(header(after), -1);
	configure(8, 0x18);
	cr_assert_eq(header(after), 0x18, "known later");
	words = stats(g).words;
	configure(7, 0x27);
	cr_assert_eq(header(before), 0x27);
	forget(7);
	cr_assert_eq(header(before), -1);
	cr_assert_eq(header(after), 0x18);
	cr_assert_eq(stats(g).words, words);
	nexthop_group_release(g, before);
	configure(7, 0x37);
	cr_assert_eq(header(one(via(7, id, 1))), 0x37);
}

Test(group_neigh, who_stops_watching_may_watch_again)
{
	for (unsigned int i = 1; i < 10; i++) {
		const uint32_t grp = one(via(7, id, 1));

		cr_assert_eq(header(grp), i == 1 ? -1 : (int)(9 * i));
		configure(7, (uint8_t)(9 * i + 1));
		cr_assert_eq(header(grp), (int)(9 * i + 1));
		nexthop_group_release(g, grp);
		configure(7, (uint8_t)(9 * i + 9));
		while (stats(g).waiting != 0)
			(void)nexthop_group_upkeep(g, now);
	}
}

struct said {
	struct nexthop_said said;
	uint8_t addr[4], hwaddr[6];
};

static int
say_on(struct worker *w, void *arg)
{
	struct said *s = arg;
	struct pkt *p = pkt_alloc(w);

	cr_assert_not_null(p);
	nexthop_learn(
	    w, netif_lookup(w->stack, id), NETIF_AF_INET, &s->said, p);
	return 0;
}

static int
send_on(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w);

	cr_assert_not_null(p);
	p->len = 20;
	memcpy(p->nexthop.bytes, arg, 4);
	nexthop_output(w, netif_lookup(w->stack, id), NETIF_AF_INET, p);
	return 0;
}

Test(group_neigh, a_stale_header_asks_the_cache_that_probes)
{
	struct said s = {.addr = {10, 0, 0, 9}, .hwaddr = {2, 0, 0, 0, 0, 9}};
	const uint32_t grp = one(via(9, id, 1));

	s.said = (struct nexthop_said){s.addr, s.hwaddr, NEXTHOP_CLAIM_REQUEST};
	cr_assert_eq(worker_call(nexthop_owner(st, id), say_on, &s), 0);
	cr_assert_eq(header(grp), -1, "stale: the next packet has to probe");
	cr_assert_eq(worker_call(nexthop_owner(st, id), send_on, s.addr), 0);
	ethdev_settle(st);
	cr_assert_eq(header(grp), 9, "probing: used meanwhile");
	s.said.claim = NEXTHOP_CLAIM_ANSWER;
	cr_assert_eq(worker_call(nexthop_owner(st, id), say_on, &s), 0);
	cr_assert_eq(header(grp), 9);
}

/* The slot that worker w finds, one by one or in a batch; only compared. */
static const struct nexthop_slot *
use(unsigned int w, uint32_t grp, bool batch)
{
	struct nexthop_group_marks *m = nexthop_group_marks(g, w);
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot;
	const uint32_t hash = 0;

	m->tick = nexthop_group_tick(now);
	if (batch)
		nexthop_resolve_batch(g, m, &grp, &hash, &slot, 1);
	else
		slot = nexthop_resolve(g, m, grp, hash);
	pserialize_read_exit(s);
	return slot;
}

/* A second passes, and the neighbour answers if it was asked. */
static void
second(struct said *s)
{
	for (unsigned int i = 0; i < 10; i++) {
		now += SEC / 10;
		ethdev_settle(st);
		cr_assert_eq(worker_call(nexthop_owner(st, id), say_on, s), 0);
	}
}

Test(group_neigh, a_header_in_use_stays)
{
	struct said s = {.addr = {10, 0, 0, 9}, .hwaddr = {2, 0, 0, 0, 0, 9}};
	const uint32_t grp = one(via(9, id, 1));
	const struct nexthop_slot *slot;

	s.said = (struct nexthop_said){s.addr, s.hwaddr, NEXTHOP_CLAIM_ANSWER};
	cr_assert_eq(worker_call(nexthop_owner(st, id), send_on, s.addr), 0);
	ethdev_settle(st);
	second(&s);
	cr_assert_eq(header(grp), 9);
	slot = use(0, grp, false);
	for (unsigned int i = 0; i < 300; i++) {
		/* By each worker for a while, in either way. */
		cr_assert_eq(use(i / 150, grp, i / 75 % 2 == 1), slot);
		second(&s);
	}
	cr_assert_eq(header(grp), 9);
	/* To look is not to use. */
	for (unsigned int i = 0; i < 70; i++)
		second(&s);
	cr_assert_eq(header(grp), -1);
	nexthop_group_release(g, grp);
}

Test(group_neigh, a_backup_in_use_stays)
{
	struct said s = {.addr = {10, 0, 0, 9}, .hwaddr = {2, 0, 0, 0, 0, 9}};
	const struct nexthop_hop away = via(9, 0x10007, 1);
	const uint32_t backup = one(via(9, id, 1));
	const uint32_t grp = group(g, &away, 1, backup);
	const struct nexthop_slot *slot;

	nexthop_group_port(g, 0x10007, false);
	s.said = (struct nexthop_said){s.addr, s.hwaddr, NEXTHOP_CLAIM_ANSWER};
	cr_assert_eq(worker_call(nexthop_owner(st, id), send_on, s.addr), 0);
	ethdev_settle(st);
	second(&s);
	slot = use(0, grp, false);
	cr_assert_eq(slot->netif, id);
	for (unsigned int i = 0; i < 100; i++) {
		cr_assert_eq(use(0, grp, i > 50), slot);
		second(&s);
	}
	cr_assert_eq(header(backup), 9);
	nexthop_group_release(g, grp);
	nexthop_group_release(g, backup);
}

Test(group_neigh, adjacencies_outlive_their_interface)
{
	uint32_t grp, later;

	configure(7, 0x17);
	grp = one(via(7, id, 1));
	cr_assert_eq(header(grp), 0x17);
	cr_assert_eq(netif_detach(st, id), 0);
	nexthop_group_port(g, id, true);
	cr_assert_eq(header(grp), -1);
	later = one(via(6, id, 1));
	cr_assert_eq(header(later), -1);
	nexthop_group_release(g, grp);
	nexthop_group_release(g, later);
	cr_assert_eq(stats(g).adjacencies, 0u);
}

Test(group_neigh, an_interface_that_goes_down_is_a_port_that_does)
{
	const uint32_t backup = one(drop(NEXTHOP_UNREACHABLE));
	const struct nexthop_hop hop = via(7, id, 1);
	const uint32_t grp = group(g, &hop, 1, backup);
	const uint32_t kinds[] = {NEXTHOP_VIA, NEXTHOP_UNREACHABLE};

	cr_assert_eq(kind_of(g, grp), kinds[0]);
	cr_assert_eq(netif_set_flags(st, id, 0, NETIF_UP), 0);
	cr_assert_eq(kind_of(g, grp), kinds[1]);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	cr_assert_eq(kind_of(g, grp), kinds[0]);
	netif_set_running(st, id, false);
	cr_assert_eq(kind_of(g, grp), kinds[1]);
	netif_set_running(st, id, true);
	cr_assert_eq(kind_of(g, grp), kinds[0]);
	cr_assert_eq(netif_detach(st, id), 0);
	cr_assert_eq(kind_of(g, grp), kinds[1]);
}

Test(group_neigh, many_watch_and_each_hears_its_own)
{
	uint32_t grp[200];

	for (unsigned int i = 0; i < 200; i++)
		grp[i] = one(via(1 + i, id, 1));
	for (unsigned int i = 0; i < 200; i += 2)
		nexthop_group_release(g, grp[i]);
	for (unsigned int i = 0; i < 200; i++)
		configure(1 + i, (uint8_t)(200 - i));
	for (unsigned int i = 1; i < 200; i += 2)
		cr_assert_eq(header(grp[i]), (int)(200 - i));
}
