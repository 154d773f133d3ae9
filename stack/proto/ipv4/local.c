/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Local delivery (RFC 1122 3.2, RFC 1812 5.2.3): fragments to the worker that
 * reassembles them, whole datagrams to their protocol, and an answer to those
 * that no protocol takes.
 */

#include "libsync/base/assert.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4_impl.h"

/* Nobody at p->proto: RFC 1122 3.2.2.1, 4.1.3.1; a reset is TCP's business. */
static void
unclaimed(struct worker *w, struct pkt *p)
{
	if (p->proto == IPV4_PROTO_TCP)
		pkt_drop(w, p, p->rx_if, DROP_TCP_PORT);
	else if (p->proto == IPV4_PROTO_UDP)
		icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_PORT, 0,
		    DROP_UDP_PORT);
	else
		icmp_error(w, p, ICMP_UNREACHABLE, ICMP_UNREACH_PROTOCOL, 0,
		    DROP_IPV4_PROTO);
}

/* Strip a whole datagram's header and add it to up. */
static void
rise(struct ipv4 *ip, struct worker *w, struct pkt *p, struct pkt_batch *up)
{
	p->proto = ((const struct ipv4_hdr *)p->l3)->proto;
	p->data += p->l3_len;
	p->len -= p->l3_len;
	if (proto_registered(ip->stack, PROTO_CARRIER_IPV4, p->proto))
		pkt_batch_add(up, p);
	else
		unclaimed(w, p);
}

static void
reassemble(struct ipv4 *ip, struct worker *w, struct pkt *p)
{
	struct pkt_batch up;

	up.n = 0;
	p = ipv4_reass_input(ip->worker[w->id]->reass, w, p);
	if (p != NULL)
		rise(ip, w, p, &up);
	if (up.n > 0)
		proto_input_runs(w, PROTO_CARRIER_IPV4, &up);
}

static void
fragment_posted(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p = (struct pkt *)((char *)msg - offsetof(struct pkt, msg));
	struct ipv4 *ip = ipv4_of(w->stack);

	if (ip == NULL)
		pkt_drop(w, p, p->rx_if, DROP_NO_PROTO);
	else
		reassemble(ip, w, p);
}

/* All fragments of a datagram meet at one worker. */
static void
fragment(struct ipv4 *ip, struct worker *w, struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const uint32_t hash =
	    ipv4_flow_mix(ip, h->src, h->dst, (uint32_t)h->id << 8 | h->proto);
	const unsigned int id = hash % ip->nworkers;

	if (id == w->id) {
		reassemble(ip, w, p);
		return;
	}
	p->msg.fn = fragment_posted;
	worker_post(stack_worker(ip->stack, id), &p->msg);
}

void
ipv4_local_deliver(struct ipv4 *ip, struct worker *w, struct pkt_batch *b)
{
	const struct ipv4_hdr *h;
	struct pkt_batch up;
	unsigned int i;

	SYNC_ASSERT(pserialize_in_read_section());
	up.n = 0;
	for (i = 0; i < b->n; i++) {
		h = (const struct ipv4_hdr *)b->pkt[i]->l3;
		if ((h->frag_off & htons(IPV4_MF | IPV4_OFF_MASK)) != 0)
			fragment(ip, w, b->pkt[i]);
		else
			rise(ip, w, b->pkt[i], &up);
	}
	b->n = 0;
	if (up.n > 0)
		proto_input_runs(w, PROTO_CARRIER_IPV4, &up);
}
