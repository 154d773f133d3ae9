/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Forwarding (RFC 1812 section 5).  Everything that may end in an ICMP error
 * is decided before the header changes, so that the error quotes it as it
 * came.
 */

#include "libsync/base/assert.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

/* RFC 3927 section 7: link-local addresses stay on their link. */
static bool
link_local(uint32_t addr)
{
	return (ntohl(addr) >> 16) == 0xa9fe;
}

/* Is p, which goes by s (NULL: nothing), not sent on?  Then it is gone. */
static bool
refuse(struct worker *w, struct pkt *p, const struct nexthop_slot *s)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const enum nexthop_kind kind =
	    s != NULL ? (enum nexthop_kind)s->kind : NEXTHOP_KIND_COUNT;

	if (link_local(h->src))
		pkt_drop(w, p, p->rx_if, DROP_IPV4_MARTIAN_SRC);
	else if (link_local(h->dst))
		pkt_drop(w, p, p->rx_if, DROP_IPV4_MARTIAN_DST);
	else if (kind == NEXTHOP_BLACKHOLE)
		pkt_drop(w, p, p->rx_if, DROP_IPV4_BLACKHOLE);
	else if (kind == NEXTHOP_UNREACHABLE)
		icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0,
		    DROP_IPV4_REJECT);
	else if (kind == NEXTHOP_PROHIBIT)
		icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_PROHIBITED, 0,
		    DROP_IPV4_REJECT);
	else if (h->ttl <= 1)
		icmp_error(w, p, ICMP_TIME_EXCEEDED, 0, 0, DROP_IPV4_TTL);
	else
		return false;
	return true;
}

/* RFC 1624: time to live and protocol share a word of the sum. */
static void
decrement_ttl(struct ipv4_hdr *h)
{
	uint16_t from, to;

	__builtin_memcpy(&from, &h->ttl, sizeof(from));
	h->ttl--;
	__builtin_memcpy(&to, &h->ttl, sizeof(to));
	h->checksum = ipv4_checksum_update(h->checksum, from, to);
}

/* RFC 1812 5.2.7.2: the source could have sent it to the gateway itself. */
static void
redirect(struct ipv4 *ip, struct worker *w, struct netif *nif, struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const struct netif_addr *a;
	uint32_t net;

	if (ipv4_option(ip, IPV4_OPT_SEND_REDIRECTS) == 0)
		return;
	for (a = netif_addr_first(nif, NETIF_AF_INET); a != NULL;
	     a = netif_addr_next(a)) {
		net = ntohl(ipv4_get(a->addr));
		if (ipv4_within(ntohl(h->src), net, a->plen) &&
		    ipv4_within(ntohl(p->nexthop.ipv4), net, a->plen)) {
			icmp_redirect(w, p, p->nexthop.ipv4);
			return;
		}
	}
}

/* RFC 1812 2.2.7: an unnumbered interface borrows the router's address. */
static uint32_t
own_address(struct ipv4 *ip, const struct netif *nif, const struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const uint32_t addr = ipv4_addr_primary(nif, p->nexthop.ipv4);

	return addr != 0 ? addr : ipv4_source_on(ip->stack, p->rx_if, h->dst);
}

/* The header's changes, and out. */
static void
transmit(struct ipv4 *ip, struct worker *w, struct netif *nif,
    const struct nexthop_slot *s, struct pkt *p, const struct ipv4_options *o)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)p->l3;

	decrement_ttl(h);
	if (p->l3_len > IPV4_HDR_MIN)
		ipv4_options_update(
		    ip, p->l3, o, own_address(ip, nif, p), w->now);
	p->flags |= PKT_FORWARDED;
	ipv4_output_nif(w, nif, s, p);
}

/* Too big, and not to be cut?  Then p is gone (RFC 1191 section 4). */
static bool
refuse_size(struct worker *w, struct netif *nif, struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	/* relaxed: a packet may see the MTU of a moment ago. */
	const uint32_t mtu = sync_load_relaxed(&nif->mtu);

	if (p->len <= mtu || (h->frag_off & htons(IPV4_DF)) == 0)
		return false;
	icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, mtu,
	    DROP_IPV4_TOO_BIG);
	return true;
}

const struct nexthop_slot *
ipv4_resolve(struct ipv4 *ip, const struct worker *w, const struct route *r,
    struct pkt *p)
{
	if (p->hash == 0 && nexthop_resolve_spreads(ip->groups, r->hops))
		p->hash = ipv4_flow_hash(ip, p);
	return nexthop_resolve(ip->groups, ipv4_marks(ip, w), r->hops, p->hash);
}

void
ipv4_forward(struct ipv4 *ip, struct worker *w, struct pkt *p,
    const struct route *r, const struct ipv4_options *o)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const struct nexthop_slot *s = ipv4_resolve(ip, w, r, p);
	struct netif *nif;

	if (refuse(w, p, s))
		return;
	nif = s != NULL ? netif_lookup(ip->stack, s->netif) : NULL;
	if (nif == NULL) {
		icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0,
		    DROP_IPV4_NEXTHOP_DOWN);
		return;
	}
	if (refuse_size(w, nif, p))
		return;
	p->tx_if = nif->id;
	p->nexthop.ipv4 = ipv4_neighbour(s, h->dst);
	if (nif->id == p->rx_if)
		redirect(ip, w, nif, p);
	transmit(ip, w, nif, s, p, o);
}

/* RFC 1812 5.3.5.2: when allowed, both forwarded and received. */
void
ipv4_forward_broadcast(struct ipv4 *ip, struct worker *w, struct pkt *p,
    const struct route *r, const struct ipv4_options *o,
    struct pkt_batch *local)
{
	const struct nexthop_slot *s = ipv4_resolve(ip, w, r, p);
	struct netif *nif, *rx;
	struct pkt *copy;

	if (refuse(w, p, s))
		return;
	nif = s != NULL ? netif_lookup(ip->stack, s->netif) : NULL;
	if (nif == NULL) {
		pkt_drop(w, p, p->rx_if, DROP_IPV4_NEXTHOP_DOWN);
		return;
	}
	if (refuse_size(w, nif, p))
		return;
	copy = pkt_copy(w, p);
	rx = netif_lookup(ip->stack, p->rx_if);
	if (copy != NULL) {
		copy->l3 = copy->data;
		copy->l3_len = p->l3_len;
		pkt_batch_add(local, copy);
	} else if (rx != NULL) {
		netif_count(w, rx, NETIF_DROPS + DROP_NO_BUFFER, 1);
	}
	p->tx_if = nif->id;
	p->nexthop.ipv4 = INADDR_BROADCAST;
	transmit(ip, w, nif, NULL, p, o);
}
