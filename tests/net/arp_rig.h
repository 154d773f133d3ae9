/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One node, 10.0.0.1/24, and a probe that plays its neighbours, 10.0.0.2 and
 * up; what the ARP tests share.
 */
#ifndef TESTS_NET_ARP_RIG_H
#define TESTS_NET_ARP_RIG_H

#include <criterion/criterion.h>
#include <string.h>

#include "stack/nexthop/neigh.h"
#include "tests/net/harness.h"

#define PORT 4000

struct rig {
	struct net *n;
	int node, probe;
	struct stack *st;
	netif_id nif;
	const uint8_t *ours; /* hardware address of the node */
	const uint8_t *hw;   /* of the probe */
};

/* params NULL: the defaults. */
static inline struct rig
rig_create(const struct nexthop_params *params)
{
	struct rig r;

	r.n = net_create();
	r.node = net_host(r.n, "node");
	r.st = net_stack(r.n, r.node);
	if (params != NULL)
		arp_set_params(r.st, params);
	r.probe = net_probe(r.n, r.node, "10.0.0.1/24", NULL);
	r.nif = net_probe_netif(r.n, r.probe);
	r.ours = net_hwaddr(r.n, r.node, "eth0");
	r.hw = net_probe_hwaddr(r.n, r.probe);
	/* The announcements of the address. */
	net_run(r.n, SEC(5));
	net_probe_clear(r.n, r.probe);
	return r;
}

static inline void
rig_destroy(struct rig *r)
{
	net_check_clean(r->n);
	net_destroy(r->n);
}

struct rig_search {
	uint32_t addr;
	unsigned int count[NEXTHOP_STATE_COUNT], total;
	bool found;
	struct nexthop_entry entry;
};

static inline int
rig_visit(void *arg, const struct nexthop_entry *e)
{
	struct rig_search *s = arg;

	s->count[e->state]++;
	s->total++;
	if (memcmp(e->addr, &s->addr, sizeof(s->addr)) == 0) {
		s->found = true;
		s->entry = *e;
	}
	return 0;
}

static inline struct rig_search
rig_search(const struct rig *r, const char *addr)
{
	struct rig_search s = {.addr = net_ip(addr)};

	cr_assert_eq(
	    nexthop_walk(r->st, r->nif, NETIF_AF_INET, rig_visit, &s), 0);
	return s;
}

/* Is there an entry for addr? */
static inline bool
rig_known(const struct rig *r, const char *addr)
{
	return rig_search(r, addr).found;
}

/* The state of addr, NEXTHOP_STATE_COUNT if there is none. */
static inline enum nexthop_state
rig_state(const struct rig *r, const char *addr)
{
	const struct rig_search s = rig_search(r, addr);

	return s.found ? s.entry.state : NEXTHOP_STATE_COUNT;
}

/* The probe sends an ARP packet; dst NULL: broadcast. */
static inline void
rig_say(const struct rig *r, const uint8_t *dst, uint16_t op,
    const uint8_t *sha, const char *spa, const uint8_t *tha, const char *tpa)
{
	struct net_frame f;

	net_frame_ether(&f, dst, r->hw, ETHER_TYPE_ARP);
	net_frame_arp(&f, op, sha, spa, tha, tpa);
	net_frame_end(&f);
	net_probe_send(r->n, r->probe, &f);
	net_run(r->n, MS(1));
}

/* Wait for the node to ask for addr, and answer with hw. */
static inline void
rig_answer(const struct rig *r, const char *addr, const uint8_t *hw)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_ARP,
	    .arp_op = 1,
	    .arp_spa = "10.0.0.1",
	    .arp_tpa = addr};

	cr_assert(net_probe_expect(r->n, r->probe, &m, SEC(2), NULL),
	    "nobody asks for %s", addr);
	rig_say(r, r->ours, 2, hw, addr, r->ours, "10.0.0.1");
}

/* A datagram from the node. */
static inline void
rig_send(const struct rig *r, const char *dst)
{
	net_udp_send(r->n, r->node, PORT, dst, PORT, 32);
}

/* Did a datagram to dst leave to hardware address hw within a second? */
static inline bool
rig_left(const struct rig *r, const char *dst, const uint8_t *hw)
{
	const struct net_match m = {
	    .ethertype = ETHER_TYPE_IPV4, .dst = dst, .proto = 17};
	struct net_frame f;

	return net_probe_expect(r->n, r->probe, &m, SEC(1), &f) &&
	       memcmp(f.data, hw, 6) == 0 &&
	       memcmp(f.data + 6, r->ours, 6) == 0;
}

/* Make addr REACHABLE at the probe's own hardware address. */
static inline void
rig_resolve(const struct rig *r, const char *addr)
{
	rig_send(r, addr);
	rig_answer(r, addr, r->hw);
	cr_assert(rig_left(r, addr, r->hw));
	cr_assert_eq(rig_state(r, addr), NEXTHOP_REACHABLE);
}

/* Requests of the node for addr (NULL: any) within ns. */
static inline unsigned int
rig_requests(const struct rig *r, const char *addr, uint64_t ns)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_ARP,
	    .arp_op = 1,
	    .arp_spa = "10.0.0.1",
	    .arp_tpa = addr};

	return net_probe_count(r->n, r->probe, &m, ns);
}

#endif /* TESTS_NET_ARP_RIG_H */
