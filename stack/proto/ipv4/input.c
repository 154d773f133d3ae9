/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Input: validate (RFC 791, RFC 1812 5.2.2), refuse impossible addresses
 * (RFC 1812 5.3.7), look up, and split into local, forwarded and refused.
 *
 * Invariants
 *   I1  Whether an address is ours is read from the routing table only, in one
 *       lookup: a packet meets an address entirely or not at all.
 *   I2  What is forwarded never came back to be delivered: a packet goes to
 *       the protocols above or to an interface, and only local ones to both.
 */

#include "libsync/base/assert.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

#define ALL_HOSTS 0xe0000001U /* RFC 1112: 224.0.0.1 */
#define VALID     DROP_REASON_COUNT

/* One call of ipv4_input(). */
struct input {
	struct ipv4 *ip;
	struct worker *w;
	netif_id rx_if; /* that the next field is about */
	bool rx_loopback;
	unsigned int n; /* packets to be looked up */
	struct pkt *pkt[PKT_BATCH_MAX];
	struct route_flow *flow;  /* theirs */
	bool self[PKT_BATCH_MAX]; /* looped() */
	const struct route *dst[PKT_BATCH_MAX], *src[PKT_BATCH_MAX];
	struct pkt_batch local;
};
_Static_assert(PKT_BATCH_MAX <= ROUTE_RULE_BATCH, "looked up at once");

static enum drop_reason
check_header(struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->data;
	unsigned int hlen, total;

	if (p->len < IPV4_HDR_MIN)
		return DROP_IPV4_SHORT;
	if (h->ver_ihl >> 4 != 4)
		return DROP_IPV4_VERSION;
	hlen = (h->ver_ihl & 15) * 4U;
	if (hlen < IPV4_HDR_MIN || hlen > p->len)
		return DROP_IPV4_HLEN;
	if (ipv4_checksum(h, hlen) != 0)
		return DROP_IPV4_CHECKSUM;
	total = ntohs(h->total_len);
	if (total < hlen || total > p->len)
		return DROP_IPV4_LENGTH;
	p->len = total; /* the rest is padding of the link */
	p->l3 = p->data;
	p->l3_len = (uint16_t)hlen;
	return VALID;
}

/* Did p come from ourselves, so that our addresses are right as a source? */
static bool
looped(struct input *in, const struct pkt *p)
{
	const struct netif *nif;

	if (p->rx_if != in->rx_if) {
		nif = netif_lookup(in->ip->stack, p->rx_if);
		in->rx_if = p->rx_if;
		in->rx_loopback = false;
		if (nif != NULL)
			/* relaxed: this flag never changes. */
			in->rx_loopback = (sync_load_relaxed(&nif->flags) &
					      NETIF_LOOPBACK) != 0;
	}
	return in->rx_loopback || (p->flags & PKT_LOOPED) != 0;
}

static enum drop_reason
check_addresses(const struct pkt *p, bool self)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const uint32_t src = ntohl(h->src), dst = ntohl(h->dst);

	/* RFC 1122 3.2.1.3 (a): a host that learns its address. */
	if (!ipv4_unicast(src) && !(src == 0 && dst == INADDR_BROADCAST))
		return DROP_IPV4_MARTIAN_SRC;
	if (dst >> 24 == 0 || (dst >> 28 == 0xf && dst != INADDR_BROADCAST))
		return DROP_IPV4_MARTIAN_DST;
	if (self)
		return VALID;
	if (ipv4_loopback(src))
		return DROP_IPV4_MARTIAN_SRC;
	if (ipv4_loopback(dst))
		return DROP_IPV4_MARTIAN_DST;
	return VALID;
}

/* r is the route to the source: nobody else may send as us, or as everybody. */
static bool
martian_source(const struct route *r, bool self)
{
	return !self && r != NULL &&
	       (r->type == ROUTE_LOCAL || r->type == ROUTE_BROADCAST);
}

/*
 * The own address of a connected network, r being its route: RFC 1812 4.2.3.1
 * (2), not even hosts that mean a broadcast by it shall get it.
 */
static bool
is_network_address(const struct ipv4 *ip, const struct route *r, uint32_t dst)
{
	const struct netif_addr *a = NULL;
	const struct netif *nif;

	if (r->protocol != ROUTE_PROTO_KERNEL || r->type != ROUTE_UNICAST)
		return false;
	nif = netif_lookup(ip->stack, r->nexthops[0].netif);
	if (nif != NULL)
		a = netif_addr_first(nif, NETIF_AF_INET);
	for (; a != NULL; a = netif_addr_next(a))
		if (a->plen < 31 && (ntohl(ipv4_get(a->addr)) &
					ipv4_mask(a->plen)) == ntohl(dst))
			return true;
	return false;
}

/* Returns: false if p was refused for its options, and is gone. */
static bool
options_pass(struct input *in, struct pkt *p, struct ipv4_options *o)
{
	unsigned int bad;

	if (p->l3_len == IPV4_HDR_MIN)
		return true;
	bad = ipv4_options_parse(p->l3, p->l3_len, o);
	if (bad != 0) {
		icmp_error(
		    in->w, p, ICMP_PARAM_PROBLEM, 0, bad, DROP_IPV4_OPTIONS);
		return false;
	}
	if (o->source_route != 0) {
		icmp_error(in->w, p, ICMP_UNREACHABLE, ICMP_UNREACH_SRCFAIL, 0,
		    DROP_IPV4_SRCROUTE);
		return false;
	}
	return true;
}

static void
to_us(struct input *in, struct pkt *p)
{
	struct ipv4_options o;

	if (options_pass(in, p, &o))
		pkt_batch_add(&in->local, p);
}

static bool
is_nexthop(const struct route *r, netif_id id)
{
	unsigned int i;

	for (i = 0; i < r->nnexthops; i++)
		if (r->nexthops[i].netif == id)
			return true;
	return false;
}

/* To the broadcast address of one of our networks (RFC 2644). */
static void
broadcast(struct input *in, struct pkt *p, const struct route *r)
{
	struct ipv4_options o = {0};
	enum drop_reason reason;

	if (is_nexthop(r, p->rx_if)) {
		to_us(in, p);
		return;
	}
	if ((p->flags & (PKT_L2_BROADCAST | PKT_L2_MULTICAST)) != 0)
		reason = DROP_IPV4_L2_BCAST;
	else if (ipv4_option(in->ip, IPV4_OPT_FORWARDING) == 0)
		reason = DROP_IPV4_NOT_FORWARDING;
	else if (ipv4_option(in->ip, IPV4_OPT_DIRECTED_BROADCAST) == 0)
		reason = DROP_IPV4_DIRECTED_BCAST;
	else {
		if (options_pass(in, p, &o))
			ipv4_forward_broadcast(
			    in->ip, in->w, p, r, &o, &in->local);
		return;
	}
	pkt_drop(in->w, p, p->rx_if, reason);
}

static void
unicast(struct input *in, struct pkt *p, const struct route *r)
{
	struct ipv4_options o = {0};

	/* RFC 1122 3.3.6, RFC 1812 5.3.4. */
	if ((p->flags & (PKT_L2_BROADCAST | PKT_L2_MULTICAST)) != 0)
		pkt_drop(in->w, p, p->rx_if, DROP_IPV4_L2_BCAST);
	else if (r != NULL && r->type == ROUTE_LOCAL)
		to_us(in, p);
	else if (ipv4_option(in->ip, IPV4_OPT_FORWARDING) == 0)
		pkt_drop(in->w, p, p->rx_if, DROP_IPV4_NOT_FORWARDING);
	else if (r != NULL && is_network_address(in->ip, r,
				  ((const struct ipv4_hdr *)p->l3)->dst))
		pkt_drop(in->w, p, p->rx_if, DROP_IPV4_MARTIAN_DST);
	else if (!options_pass(in, p, &o))
		return;
	else if (r == NULL)
		icmp_error(in->w, p, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0,
		    DROP_IPV4_NO_ROUTE);
	else
		ipv4_forward(in->ip, in->w, p, r, &o);
}

/* Validate p, and let it be looked up with the others. */
static void
admit(struct input *in, struct pkt *p)
{
	const struct ipv4_hdr *h;
	enum drop_reason reason;
	bool self = false;

	reason = check_header(p);
	if (reason == VALID) {
		self = looped(in, p);
		reason = check_addresses(p, self);
	}
	if (reason != VALID) {
		pkt_drop(in->w, p, p->rx_if, reason);
		return;
	}
	h = (const struct ipv4_hdr *)p->l3;
	in->pkt[in->n] = p;
	in->self[in->n] = self;
	in->flow[in->n++] = (struct route_flow){
	    .dst = (const uint8_t *)&h->dst,
	    .src = (const uint8_t *)&h->src,
	    .iif = p->rx_if,
	    .member = p->rx_if,
	    .mark = p->mark,
	};
}

static void
classify(struct input *in, unsigned int i)
{
	struct pkt *p = in->pkt[i];
	const struct route *r = in->dst[i];
	const uint32_t dst = ntohl(((const struct ipv4_hdr *)p->l3)->dst);

	if (martian_source(in->src[i], in->self[i]))
		pkt_drop(in->w, p, p->rx_if, DROP_IPV4_MARTIAN_SRC);
	else if (dst == INADDR_BROADCAST || dst == ALL_HOSTS)
		to_us(in, p);
	else if (dst >> 28 == 0xe)
		pkt_drop(in->w, p, p->rx_if, DROP_IPV4_MULTICAST);
	else if (r != NULL && r->type == ROUTE_BROADCAST)
		broadcast(in, p, r);
	else
		unicast(in, p, r);
}

void
ipv4_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct route_flow flow[PKT_BATCH_MAX];
	struct input call;
	unsigned int i;

	SYNC_ASSERT(pserialize_in_read_section());
	call.flow = flow;
	call.ip = state;
	call.w = w;
	call.rx_if = 0;
	call.rx_loopback = false;
	call.n = 0;
	call.local.n = 0;
	for (i = 0; i < in->n; i++)
		admit(&call, in->pkt[i]);
	in->n = 0;
	route_flowcache_lookup_batch(call.ip->worker[w->id]->flows,
	    ipv4_option(call.ip, IPV4_OPT_FLOW_CACHE), flow, call.dst, call.src,
	    call.n);
	for (i = 0; i < call.n; i++)
		classify(&call, i);
	if (call.local.n > 0)
		ipv4_local_deliver(call.ip, w, &call.local);
}

void
ipv4_input_looped(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p = (struct pkt *)((char *)msg - offsetof(struct pkt, msg));
	struct ipv4 *ip = ipv4_of(w->stack);
	struct pkt_batch one;

	if (ip == NULL) {
		pkt_drop(w, p, p->rx_if, DROP_NO_PROTO);
		return;
	}
	one.n = 0;
	pkt_batch_add(&one, p);
	ipv4_input(ip, w, &one);
}
