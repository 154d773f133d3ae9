/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Packet reception as in RFC 826, with the checks that its "?" leave open:
 *
 *   1. form and sender are checked (DROP_ARP_SHORT, _FORMAT, _BAD_SENDER);
 *   2. a sender that uses one of our addresses is a conflict (RFC 5227 2.4);
 *   3. what is not for us updates an entry that exists, and makes none;
 *   4. a request for our address is answered, and its sender, if on one of
 *      our networks, remembered; a reply settles what we asked for.
 *
 * Nothing is learned of a sender that is on no link of the interface, neither
 * by a network of its addresses nor by a route: a router has no use for it,
 * and only forgers and neighbours of other networks send it.
 *
 * An address is ours if the receiving interface has it: a router does not
 * answer for its other links.
 */

#include "stack/proto/arp/arp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/pkt.h"
#include "stack/core/stack.h"
#include "stack/proto/arp/arp_impl.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define HTYPE_ETHER 1

/* [w] the stack's control mutex */
struct arp {
	struct nexthop_params params; /* [w] of interfaces to come */
};

static uint32_t
addr_word(const struct netif_addr *a)
{
	uint32_t word;

	memcpy(&word, a->addr, sizeof(word));
	return word;
}

/* The netmask of a prefix length, network order. */
static uint32_t
mask_word(unsigned int plen)
{
	return plen == 0 ? 0 : htonl(UINT32_MAX << (32 - plen));
}

static bool
is_ours(const struct netif *nif, uint32_t addr)
{
	const struct netif_addr *a = netif_addr_first(nif, NETIF_AF_INET);

	for (; a != NULL; a = netif_addr_next(a))
		if (addr_word(a) == addr)
			return true;
	return false;
}

/* Our address on the network of addr, or NULL. */
static const struct netif_addr *
on_link(const struct netif *nif, uint32_t addr)
{
	const struct netif_addr *a = netif_addr_first(nif, NETIF_AF_INET);

	for (; a != NULL; a = netif_addr_next(a))
		if (((addr_word(a) ^ addr) & mask_word(a->plen)) == 0)
			return a;
	return NULL;
}

/*
 * Is addr on the link, and so a possible neighbour?  Besides the networks of
 * the interface there are routes without a gateway.
 */
static bool
is_neighbour(const struct netif *nif, uint32_t addr)
{
	const struct route_tables *ts = ipv4_tables(nif->stack);
	const struct route *r;
	unsigned int i;

	if (on_link(nif, addr) != NULL)
		return true;
	r = ts == NULL ? NULL
		       : route_table_lookup(route_tables_of(ts, nif->id),
			     (const uint8_t *)&addr);
	if (r == NULL || r->type != ROUTE_UNICAST)
		return false;
	for (i = 0; i < r->nnexthops; i++)
		if (r->nexthops[i].netif == nif->id &&
		    !r->nexthops[i].has_gateway)
			return true;
	return false;
}

/* Is addr the network's or the broadcast address of one of our networks? */
static bool
is_network_end(const struct netif *nif, uint32_t addr)
{
	const struct netif_addr *a = netif_addr_first(nif, NETIF_AF_INET);
	uint32_t mask;

	for (; a != NULL; a = netif_addr_next(a)) {
		mask = mask_word(a->plen);
		if (a->plen < 31 && ((addr_word(a) ^ addr) & mask) == 0 &&
		    ((addr & ~mask) == 0 || (addr | mask) == UINT32_MAX))
			return true;
	}
	return false;
}

/* Can no station have this address?  0 is a probe's. */
static bool
is_no_host(const struct netif *nif, uint32_t addr)
{
	const uint32_t host = ntohl(addr);

	return host != 0 && (host >> 28 >= 0xe || host >> 24 == 127 ||
				host >> 24 == 0 || is_network_end(nif, addr));
}

void
arp_send(struct worker *w, struct netif *nif, const struct arp_say *say)
{
	struct pkt *p = pkt_alloc(w);
	struct arp_pkt *h;

	if (p == NULL) {
		netif_count(w, nif, NETIF_DROPS + DROP_NO_BUFFER, 1);
		return;
	}
	p->flags = PKT_LOCAL_ORIGIN;
	p->len = sizeof(*h);
	h = (struct arp_pkt *)p->data;
	*h = (struct arp_pkt){
	    .htype = htons(HTYPE_ETHER),
	    .ptype = htons(ETHER_TYPE_IPV4),
	    .hlen = ETHER_ADDR_LEN,
	    .plen = sizeof(h->spa),
	    .op = htons(say->op),
	    .spa = say->spa,
	    .tpa = say->tpa,
	};
	memcpy(h->sha, nif->hwaddr, ETHER_ADDR_LEN);
	if (say->tha != NULL)
		memcpy(h->tha, say->tha, ETHER_ADDR_LEN);
	ether_output(w, nif, say->l2dst != NULL ? say->l2dst : ether_broadcast,
	    ETHER_TYPE_ARP, p);
}

/* Why h must not be looked at, or DROP_REASON_COUNT. */
static enum drop_reason
check(const struct netif *nif, const struct pkt *p, const struct arp_pkt *h)
{
	static const uint8_t zero[ETHER_ADDR_LEN];
	const uint16_t op = p->len < sizeof(*h) ? 0 : ntohs(h->op);

	if (p->len < sizeof(*h))
		return DROP_ARP_SHORT;
	/* relaxed: one word; a packet may see it a moment late. */
	if ((sync_load_relaxed(&nif->flags) & NETIF_NOARP) != 0)
		return DROP_NO_PROTO;
	if (h->htype != htons(HTYPE_ETHER) ||
	    h->ptype != htons(ETHER_TYPE_IPV4) || h->hlen != ETHER_ADDR_LEN ||
	    h->plen != sizeof(h->spa) ||
	    (op != ARP_OP_REQUEST && op != ARP_OP_REPLY))
		return DROP_ARP_FORMAT;
	if (ether_is_group(h->sha) || memcmp(h->sha, zero, sizeof(zero)) == 0 ||
	    memcmp(h->sha, nif->hwaddr, ETHER_ADDR_LEN) == 0)
		return DROP_ARP_BAD_SENDER;
	/* Only a probe has no sender address (RFC 5227 2.1.1). */
	if (is_no_host(nif, h->spa) || (h->spa == 0 && op != ARP_OP_REQUEST))
		return DROP_ARP_BAD_SENDER;
	if (netif_addr_first(nif, NETIF_AF_INET) == NULL)
		return DROP_ARP_NO_ADDRESS;
	return DROP_REASON_COUNT;
}

/* On the owner: p conflicts with, or probes for, one of our addresses. */
static void
claim_on_owner(struct worker *w, struct netif *nif, struct pkt *p)
{
	struct arp_netif *an = nexthop_resolver_arg(nif, NETIF_AF_INET);
	const struct arp_pkt *h = (const struct arp_pkt *)p->data;
	const bool probe = h->spa == 0;

	if (an != NULL)
		arp_claim_met(w, an, probe ? h->tpa : h->spa, h->sha, probe);
	if (probe)
		pkt_free(w, p);
	else
		pkt_drop(w, p, p->rx_if, DROP_ARP_CONFLICT);
}

static void
claim_message(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p = (struct pkt *)((char *)msg - offsetof(struct pkt, msg));
	struct netif *nif = netif_lookup(w->stack, p->rx_if);

	if (nif == NULL)
		pkt_drop(w, p, p->rx_if, DROP_NETIF_GONE);
	else
		claim_on_owner(w, nif, p);
}

static void
pass_claim(struct worker *w, struct netif *nif, struct pkt *p)
{
	struct worker *owner = nexthop_owner(w->stack, nif->id);

	if (w == owner) {
		claim_on_owner(w, nif, p);
		return;
	}
	p->msg.fn = claim_message;
	worker_post(owner, &p->msg);
}

/* What a packet says about its sender. */
static struct nexthop_said
said_by(const struct arp_pkt *h, enum nexthop_claim claim)
{
	return (struct nexthop_said){
	    .addr = (const uint8_t *)&h->spa,
	    .hwaddr = h->sha,
	    .claim = claim,
	};
}

/* A checked packet whose target is one of our addresses. */
static void
input_for_us(struct worker *w, struct netif *nif, struct pkt *p)
{
	const struct arp_pkt *h = (const struct arp_pkt *)p->data;
	struct nexthop_said said = said_by(h, NEXTHOP_CLAIM_HINT);

	if (h->op == htons(ARP_OP_REPLY)) {
		/* A reply comes to the asker alone. */
		if ((p->flags & (PKT_L2_BROADCAST | PKT_L2_MULTICAST)) == 0 &&
		    memcmp(h->tha, nif->hwaddr, ETHER_ADDR_LEN) == 0)
			said.claim = NEXTHOP_CLAIM_ANSWER;
	} else {
		arp_send(w, nif,
		    &(struct arp_say){
			.op = ARP_OP_REPLY,
			.spa = h->tpa,
			.tpa = h->spa,
			.tha = h->sha,
			.l2dst = h->sha,
		    });
		if (on_link(nif, h->spa) != NULL)
			said.claim = NEXTHOP_CLAIM_REQUEST;
	}
	if (h->spa == 0)
		pass_claim(w, nif, p);
	else if (is_neighbour(nif, h->spa))
		nexthop_learn(w, nif, NETIF_AF_INET, &said, p);
	else if (h->op == htons(ARP_OP_REQUEST))
		pkt_free(w, p);
	else
		pkt_drop(w, p, p->rx_if, DROP_ARP_BAD_SENDER);
}

static void
input_one(struct worker *w, struct netif *nif, struct pkt *p)
{
	const struct arp_pkt *h = (const struct arp_pkt *)p->data;
	const struct nexthop_said said = said_by(h, NEXTHOP_CLAIM_HINT);
	const enum drop_reason bad = check(nif, p, h);

	if (bad != DROP_REASON_COUNT)
		pkt_drop(w, p, p->rx_if, bad);
	else if (h->spa != 0 && is_ours(nif, h->spa))
		pass_claim(w, nif, p);
	else if (is_ours(nif, h->tpa))
		input_for_us(w, nif, p);
	else if (h->spa != 0 && is_neighbour(nif, h->spa) &&
		 nexthop_known(nif, NETIF_AF_INET, said.addr))
		nexthop_learn(w, nif, NETIF_AF_INET, &said, p);
	else
		pkt_drop(w, p, p->rx_if, DROP_ARP_NOT_OURS);
}

static void
input(void *state, struct worker *w, struct pkt_batch *in)
{
	(void)state;
	SYNC_ASSERT(pserialize_in_read_section());
	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];
		struct netif *nif = netif_lookup(w->stack, p->rx_if);

		if (nif == NULL)
			pkt_drop(w, p, p->rx_if, DROP_NETIF_GONE);
		else
			input_one(w, nif, p);
	}
	in->n = 0;
}

static void
solicit(void *arg, struct worker *w, struct netif *nif, const uint8_t *addr,
    const uint8_t *hwaddr)
{
	const struct netif_addr *src;
	uint32_t target;

	(void)arg;
	memcpy(&target, addr, sizeof(target));
	src = on_link(nif, target);
	if (src == NULL)
		src = netif_addr_first(nif, NETIF_AF_INET);
	if (src == NULL)
		return; /* with sender 0 it would be a probe for the target */
	arp_send(w, nif,
	    &(struct arp_say){
		.op = ARP_OP_REQUEST,
		.spa = addr_word(src),
		.tpa = target,
		.l2dst = hwaddr,
	    });
}

/* RFC 1812 5.2.7.1: whoever sent what we could not forward is told. */
static void
unreachable(void *arg, struct worker *w, struct netif *nif, struct pkt *p,
    enum drop_reason reason)
{
	(void)arg;
	if ((p->flags & PKT_FORWARDED) != 0)
		icmp_error(
		    w, p, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0, reason);
	else
		pkt_drop(w, p, nif->id, reason);
}

static const struct nexthop_resolver resolver = {
    .solicit = solicit,
    .unreachable = unreachable,
    .ethertype = ETHER_TYPE_IPV4,
    .addr_len = 4,
    .src_off = offsetof(struct ipv4_hdr, src),
};

/* Without memory for it the interface does without ARP. */
static void
attach(struct arp *arp, struct netif *nif)
{
	struct arp_netif *an;

	if (nif->link != NETIF_LINK_ETHER)
		return;
	an = calloc(1, sizeof(*an));
	if (an == NULL)
		return;
	an->nif = nif;
	LIST_INIT(&an->claims);
	if (nexthop_table_attach(
		nif, NETIF_AF_INET, &resolver, an, &arp->params) != 0)
		free(an);
}

static void
netif_event(void *state, struct netif *nif, enum netif_event event)
{
	static const uint8_t any[4];
	struct worker *owner = nexthop_owner(nif->stack, nif->id);
	uint64_t cookie = pserialize_read_enter();
	/* Stays valid after the section: the control mutex is held. */
	struct arp_netif *an = nexthop_resolver_arg(nif, NETIF_AF_INET);

	pserialize_read_exit(cookie);
	if (event == NETIF_EVENT_ATTACH) {
		attach(state, nif);
	} else if (an == NULL) {
		return;
	} else if (event == NETIF_EVENT_UP) {
		(void)worker_call(owner, arp_claim_up, an);
	} else if (event == NETIF_EVENT_DOWN) {
		(void)worker_call(owner, arp_claim_down, an);
		(void)nexthop_flush(
		    nif->stack, nif->id, NETIF_AF_INET, any, 0, false);
	} else if (event == NETIF_EVENT_DETACH) {
		nexthop_table_detach(nif, NETIF_AF_INET); /* none finds an */
		(void)worker_call(owner, arp_claim_down, an);
		arp_claim_free(an);
		free(an);
	}
}

static int
init(struct stack *st, void **state)
{
	struct arp *arp = calloc(1, sizeof(*arp));

	(void)st;
	if (arp == NULL)
		return -ENOMEM;
	nexthop_params_default(&arp->params);
	*state = arp;
	return 0;
}

static void
fini(void *state)
{
	free(state);
}

void
arp_set_params(struct stack *st, const struct nexthop_params *p)
{
	struct arp *arp = proto_state(st, &proto_arp);

	if (arp == NULL)
		return;
	stack_control_enter(st);
	arp->params = *p;
	stack_control_exit(st);
}

const struct proto proto_arp = {
    .name = "arp",
    .carrier = PROTO_CARRIER_ETHER,
    .number = ETHER_TYPE_ARP,
    .init = init,
    .fini = fini,
    .input = input,
    .netif_event = netif_event,
};
