/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Output: find the way, choose the source (RFC 1122 3.3.4.3), prepend the
 * header, and hand over to the interface, or to ourselves by way of the
 * worker's mailbox: input never runs inside output.
 */

#include "libsync/base/assert.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

#define FOUND DROP_REASON_COUNT

/* How a destination is reached. */
struct way {
	struct netif *nif;            /* never NULL */
	const struct route *r;        /* NULL: a group on nif */
	const struct nexthop_slot *s; /* it goes by; NULL: nexthop says it */
	uint32_t nexthop;             /* network order; a group: an L2 group */
	bool local;                   /* one of our own addresses */
};

static bool
is_group(uint32_t addr)
{
	return ntohl(addr) >> 28 >= 0xe;
}

/* The L2 group of an IPv4 group (RFC 1112 6.4), or the broadcast address. */
static void
output_group(struct worker *w, struct netif *nif, struct pkt *p)
{
	const uint32_t group = ntohl(p->nexthop.ipv4);
	const uint8_t mac[ETHER_ADDR_LEN] = {0x01, 0x00, 0x5e,
	    (uint8_t)(group >> 16 & 0x7f), (uint8_t)(group >> 8),
	    (uint8_t)group};

	if (nif->link != NETIF_LINK_ETHER)
		netif_output(w, nif, p);
	else
		ether_output(w, nif,
		    group == INADDR_BROADCAST ? ether_broadcast : mac,
		    ETHER_TYPE_IPV4, p);
}

static void
output_one(struct worker *w, struct netif *nif, struct pkt *p)
{
	if (is_group(p->nexthop.ipv4))
		output_group(w, nif, p);
	else
		nexthop_output(w, nif, NETIF_AF_INET, p);
}

void
ipv4_output_nif(struct worker *w, struct netif *nif,
    const struct nexthop_slot *s, struct pkt *p)
{
	/* relaxed: a packet may see the MTU of a moment ago. */
	const uint32_t mtu = sync_load_relaxed(&nif->mtu);

	if (p->len > mtu)
		ipv4_frag(w, nif, p, mtu, output_one);
	else if (s != NULL && s->hdr_len != 0)
		nexthop_slot_output(w, nif, s, p);
	else
		output_one(w, nif, p);
}

/* Why what r leads to is no way on; FOUND: it is one. */
static enum drop_reason
refused(const struct nexthop_slot *s)
{
	if (s == NULL)
		return DROP_IPV4_NEXTHOP_DOWN;
	if (s->kind == NEXTHOP_BLACKHOLE)
		return DROP_IPV4_BLACKHOLE;
	if (s->kind == NEXTHOP_UNREACHABLE || s->kind == NEXTHOP_PROHIBIT)
		return DROP_IPV4_REJECT;
	return FOUND;
}

/* What a way is looked for by. */
struct search {
	struct route_flow flow;
	netif_id tx_if; /* the interface for a group, which no route tells */
	uint32_t hash;
	struct nexthop_group_marks *marks; /* NULL: nothing is sent */
};

static enum drop_reason
find_routed(struct ipv4 *ip, const struct search *q, struct way *out)
{
	const struct route *r = route_rule_lookup(ip->tables, &q->flow, NULL);
	enum drop_reason reason;

	if (r == NULL)
		return DROP_IPV4_NO_ROUTE;
	out->r = r;
	out->local = r->type == ROUTE_LOCAL;
	if (out->local) {
		out->nif = netif_lookup(ip->stack, r->nexthops[0].netif);
		return out->nif != NULL ? FOUND : DROP_IPV4_NEXTHOP_DOWN;
	}
	out->s = nexthop_resolve(ip->groups, q->marks, r->hops, q->hash);
	reason = refused(out->s);
	if (reason != FOUND)
		return reason;
	out->nif = netif_lookup(ip->stack, out->s->netif);
	if (out->nif == NULL)
		return DROP_IPV4_NEXTHOP_DOWN;
	out->nexthop = out->s->kind == NEXTHOP_BROADCAST
			   ? INADDR_BROADCAST
			   : ipv4_neighbour(out->s, out->nexthop);
	return FOUND;
}

static enum drop_reason
find_way(struct ipv4 *ip, const struct search *q, struct way *out)
{
	const uint32_t dst = ipv4_get(q->flow.dst);

	*out = (struct way){.nexthop = dst};
	if (!is_group(dst))
		return find_routed(ip, q, out);
	out->nif = netif_lookup(ip->stack, q->tx_if);
	return out->nif != NULL ? FOUND : DROP_IPV4_NO_ROUTE;
}

/* RFC 1812 2.2.7: an unnumbered interface borrows the router's address. */
static uint32_t
any_address(const struct ipv4 *ip, netif_id like)
{
	const struct route_table *t = route_tables_of(ip->tables, like);
	struct stack *st = ip->stack;
	struct netif *nif;
	uint32_t addr;

	for (nif = netif_first(st); nif != NULL; nif = netif_next(st, nif)) {
		if (route_tables_of(ip->tables, nif->id) != t)
			continue;
		addr = ipv4_addr_primary(nif, 0);
		if (addr != 0 && !ipv4_loopback(ntohl(addr)))
			return addr;
	}
	return 0;
}

static uint32_t
choose_source(struct ipv4 *ip, const struct way *way)
{
	uint32_t addr;

	if (way->r != NULL && way->r->has_prefsrc)
		return ipv4_get(way->r->prefsrc);
	addr = ipv4_addr_primary(way->nif, way->nexthop);
	return addr != 0 ? addr : any_address(ip, way->nif->id);
}

/* Unique per source, destination and protocol for long (RFC 6864). */
static uint16_t
next_id(struct ipv4 *ip, const struct worker *w, const struct ipv4_hdr *h)
{
	const uint32_t hash = ipv4_flow_mix(ip, h->src, h->dst, h->proto);
	uint16_t *slot = &ip->worker[w->id]->next_id[hash % IPV4_ID_SLOTS];
	const uint32_t n = (*slot)++;

	return (uint16_t)((hash >> 16) + n * ip->nworkers + w->id);
}

static void
transmit(struct worker *w, const struct way *way, struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	/* relaxed: the loopback flag never changes. */
	const uint32_t flags = sync_load_relaxed(&way->nif->flags);
	/* relaxed: a packet may see the MTU of a moment ago. */
	const uint32_t mtu = sync_load_relaxed(&way->nif->mtu);

	p->tx_if = way->nif->id;
	p->nexthop.ipv4 = way->nexthop;
	if ((flags & NETIF_LOOPBACK) != 0)
		p->flags |= PKT_LOOPED;
	if (way->local && (flags & NETIF_LOOPBACK) == 0) {
		p->rx_if = way->nif->id;
		p->flags |= PKT_LOOPED;
		p->msg.fn = ipv4_input_looped;
		worker_post(w, &p->msg);
	} else if (p->len > mtu && (h->frag_off & htons(IPV4_DF)) != 0) {
		pkt_drop(w, p, p->tx_if, DROP_IPV4_TOO_BIG);
	} else {
		ipv4_output_nif(w, way->nif, way->s, p);
	}
}

static struct ipv4_hdr *
push_header(struct pkt *p)
{
	struct ipv4_hdr *h;

	SYNC_ASSERT(pkt_headroom(p) >= IPV4_HDR_MIN);
	p->data -= IPV4_HDR_MIN;
	p->len += IPV4_HDR_MIN;
	p->l3 = p->data;
	p->l3_len = IPV4_HDR_MIN;
	h = (struct ipv4_hdr *)p->l3;
	*h = (struct ipv4_hdr){
	    .ver_ihl = 0x45,
	    .total_len = htons((uint16_t)p->len),
	};
	return h;
}

void
ipv4_output(struct worker *w, struct pkt *p, uint32_t src, uint32_t dst,
    uint8_t proto, uint8_t tos, uint8_t ttl, bool df)
{
	struct ipv4 *ip = ipv4_of(w->stack);
	struct search q = {.flow = {.dst = (const uint8_t *)&dst,
			       .src = (const uint8_t *)&src,
			       .member = p->rx_if,
			       .mark = p->mark},
	    .tx_if = p->tx_if};
	enum drop_reason reason = FOUND;
	struct ipv4_hdr *h;
	struct way way;

	SYNC_ASSERT(pserialize_in_read_section());
	p->flags = PKT_LOCAL_ORIGIN;
	p->rx_if = 0;
	p->hash = 0;
	if (ip == NULL) {
		reason = DROP_NO_PROTO;
	} else if (p->len > 65535 - IPV4_HDR_MIN) {
		reason = DROP_IPV4_TOO_BIG;
	} else {
		q.hash = ipv4_flow_mix(ip, src, dst, proto);
		q.marks = ipv4_marks(ip, w);
		reason = find_way(ip, &q, &way);
	}
	if (reason == FOUND && src == 0) {
		src = choose_source(ip, &way);
		if (src == 0)
			reason = DROP_IPV4_NO_SOURCE;
	}
	if (reason != FOUND) {
		pkt_drop(w, p, 0, reason);
		return;
	}
	h = push_header(p);
	h->tos = tos;
	h->frag_off = df ? htons(IPV4_DF) : 0;
	h->ttl =
	    ttl != 0 ? ttl : (uint8_t)ipv4_option(ip, IPV4_OPT_DEFAULT_TTL);
	h->proto = proto;
	h->src = src;
	h->dst = dst;
	h->id = next_id(ip, w, h);
	h->checksum = ipv4_checksum(h, IPV4_HDR_MIN);
	transmit(w, &way, p);
}

uint32_t
ipv4_source_on(struct stack *st, netif_id id, uint32_t dst)
{
	static const uint32_t unsaid;
	const struct search q = {.flow = {.dst = (const uint8_t *)&dst,
				     .src = (const uint8_t *)&unsaid,
				     .member = id}};
	struct ipv4 *ip = ipv4_of(st);
	struct way way;

	SYNC_ASSERT(pserialize_in_read_section());
	if (ip == NULL || find_way(ip, &q, &way) != FOUND)
		return 0;
	return choose_source(ip, &way);
}

uint32_t
ipv4_source(struct stack *st, uint32_t dst)
{
	return ipv4_source_on(st, 0, dst);
}

bool
ipv4_is_local_on(struct stack *st, netif_id id, uint32_t addr)
{
	struct ipv4 *ip = ipv4_of(st);
	const struct route *r = ip != NULL ? ipv4_lookup(ip, id, addr) : NULL;

	SYNC_ASSERT(pserialize_in_read_section());
	return r != NULL && r->type == ROUTE_LOCAL;
}

bool
ipv4_is_local(struct stack *st, uint32_t addr)
{
	return ipv4_is_local_on(st, 0, addr);
}
