/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Echo requests and UDP datagrams of hosts.  Requests leave through the stack.
 * Answers are seen by a protocol that stands in front of the link protocol,
 * puts fragments together by itself, and passes every packet on; what ICMP
 * then drops of them is allowed for.
 */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/net/harness_impl.h"

#define TIMEOUT_DEFAULT SEC(5)

/* Is this quoted or answered message the request that is waited for? */
static bool
is_ours(const struct net_waiting *wt, const struct net_icmp *icmp)
{
	return ntohs(icmp->id) == wt->id && ntohs(icmp->seq) == wt->seq;
}

static void
answered(struct net_waiting *wt, const struct worker *w,
    const struct ipv4_hdr *ip, const struct net_icmp *icmp)
{
	wt->done = true;
	wt->reply.type = icmp->type;
	wt->reply.code = icmp->code;
	wt->reply.from = ip->src;
	wt->reply.ttl = ip->ttl;
	wt->reply.tos = ip->tos;
	wt->reply.info = (uint32_t)ntohs(icmp->id) << 16 | ntohs(icmp->seq);
	wt->reply.rtt = w->now - wt->sent;
}

static bool
is_pattern(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != net_pattern(i))
			return false;
	return true;
}

/* The request inside an error, which may be cut off behind 8 bytes. */
static bool
quotes_ours(const struct net_waiting *wt, const uint8_t *quote, size_t len)
{
	const struct ipv4_hdr *ip = (const void *)quote;
	size_t hlen;

	if (len < sizeof(*ip))
		return false;
	hlen = (size_t)(ip->ver_ihl & 15) * 4;
	return ip->proto == NET_PROTO_ICMP &&
	       (ntohs(ip->frag_off) & IPV4_OFF_MASK) == 0 &&
	       len >= hlen + sizeof(struct net_icmp) &&
	       is_ours(wt, (const void *)(quote + hlen));
}

/* One whole ICMP message with the IPv4 header of its first piece. */
static void
see_icmp(struct net_peek *pk, const struct worker *w, const struct ipv4_hdr *ip,
    const uint8_t *data, size_t len)
{
	const struct net_icmp *icmp = (const void *)data;
	struct net_waiting *wt = pk->waiting;
	const size_t rest = len - sizeof(*icmp);

	if (len < sizeof(*icmp) || net_checksum(data, len) != 0 ||
	    icmp->type == ICMP_ECHO)
		return;
	++*pk->seen;
	if (!wt->active || wt->done)
		return;
	if (icmp->type == ICMP_ECHO_REPLY && is_ours(wt, icmp)) {
		answered(wt, w, ip, icmp);
		wt->intact =
		    rest == wt->size && is_pattern(data + sizeof(*icmp), rest);
	} else if (icmp->type != ICMP_ECHO_REPLY &&
		   icmp->type != ICMP_REDIRECT &&
		   quotes_ours(wt, data + sizeof(*icmp), rest)) {
		answered(wt, w, ip, icmp);
		wt->reply.quoted = rest;
		memcpy(wt->reply.quote, data + sizeof(*icmp),
		    rest < sizeof(wt->reply.quote) ? rest
						   : sizeof(wt->reply.quote));
	}
}

/* Put one more piece in; true when the datagram is complete. */
static bool
gather(struct net_peek *pk, const struct ipv4_hdr *ip, const uint8_t *data,
    size_t len)
{
	const size_t frag = ntohs(ip->frag_off);
	const size_t at = (frag & IPV4_OFF_MASK) * 8;

	if (pk->src != ip->src || pk->id != ip->id) {
		pk->src = ip->src;
		pk->id = ip->id;
		pk->have = pk->total = 0;
		memset(pk->piece, 0, sizeof(pk->piece));
	}
	if (at + len > sizeof(pk->data))
		return false;
	memcpy(pk->data + at, data, len);
	for (size_t i = at; i < at + len; i += 8) {
		uint8_t *byte = &pk->piece[i / 64];
		const uint8_t bit = (uint8_t)(1u << (i / 8 % 8));

		if ((*byte & bit) == 0)
			pk->have += at + len - i < 8 ? at + len - i : 8;
		*byte |= bit;
	}
	if ((frag & IPV4_MF) == 0)
		pk->total = at + len;
	return pk->total != 0 && pk->have == pk->total;
}

static void
see_ipv4(
    struct net_peek *pk, const struct worker *w, const uint8_t *at, size_t room)
{
	const struct ipv4_hdr *ip = (const void *)at;
	size_t hlen, total;

	if (room < sizeof(*ip))
		return;
	hlen = (size_t)(ip->ver_ihl & 15) * 4;
	total = ntohs(ip->total_len);
	if (ip->ver_ihl >> 4 != 4 || hlen < sizeof(*ip) || total < hlen ||
	    total > room || ip->proto != NET_PROTO_ICMP ||
	    net_checksum(ip, hlen) != 0)
		return;
	if ((ntohs(ip->frag_off) & (IPV4_MF | IPV4_OFF_MASK)) == 0) {
		see_icmp(pk, w, ip, at + hlen, total - hlen);
	} else if (gather(pk, ip, at + hlen, total - hlen)) {
		see_icmp(pk, w, ip, pk->data, pk->total);
		pk->src = 0;
	}
}

static int
peek_init(struct stack *st, const struct proto *inner, void **state)
{
	struct net_peek *pk = calloc(1, sizeof(*pk));
	int error = 0;

	if (pk == NULL)
		return -ENOMEM;
	if (inner->init != NULL)
		error = inner->init(st, &pk->inner);
	if (error != 0)
		free(pk);
	else
		*state = pk;
	return error;
}

static void
peek_fini(const struct proto *inner, struct net_peek *pk)
{
	if (inner->fini != NULL)
		inner->fini(pk->inner);
	free(pk);
}

static void
peek_event(const struct proto *inner, struct net_peek *pk, struct netif *nif,
    enum netif_event event)
{
	if (inner->netif_event != NULL)
		inner->netif_event(pk->inner, nif, event);
}

static int
ether_init(struct stack *st, void **state)
{
	return peek_init(st, &proto_ether, state);
}

static void
ether_fini(void *state)
{
	peek_fini(&proto_ether, state);
}

static void
ether_event(void *state, struct netif *nif, enum netif_event event)
{
	peek_event(&proto_ether, state, nif, event);
}

static void
ether_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct net_peek *pk = state;

	for (unsigned int i = 0; i < in->n; i++) {
		const struct pkt *p = in->pkt[i];

		if (p->len >= ETHER_HDR_LEN &&
		    p->data[12] == ETHER_TYPE_IPV4 >> 8 && p->data[13] == 0)
			see_ipv4(pk, w, p->data + ETHER_HDR_LEN,
			    p->len - ETHER_HDR_LEN);
	}
	proto_ether.input(pk->inner, w, in);
}

const struct proto net_peek_ether = {
    .name = "peek-ether",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_ETHER,
    .init = ether_init,
    .fini = ether_fini,
    .input = ether_input,
    .netif_event = ether_event,
};

static int
loop_init(struct stack *st, void **state)
{
	return peek_init(st, &proto_ipv4_link, state);
}

static void
loop_fini(void *state)
{
	peek_fini(&proto_ipv4_link, state);
}

static void
loop_event(void *state, struct netif *nif, enum netif_event event)
{
	peek_event(&proto_ipv4_link, state, nif, event);
}

static void
loop_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct net_peek *pk = state;

	for (unsigned int i = 0; i < in->n; i++)
		see_ipv4(pk, w, in->pkt[i]->data, in->pkt[i]->len);
	proto_ipv4_link.input(pk->inner, w, in);
}

const struct proto net_peek_loop = {
    .name = "peek-loop",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_IP,
    .init = loop_init,
    .fini = loop_fini,
    .input = loop_input,
    .netif_event = loop_event,
};

struct output_call {
	uint32_t src, dst;
	uint8_t proto, tos, ttl;
	bool df;
	uint16_t a, b; /* id and seq, or the ports */
	size_t size;
};

static void
write_icmp(struct pkt *p, const struct output_call *c)
{
	struct net_icmp *icmp = (void *)p->data;

	*icmp = (struct net_icmp){
	    .type = ICMP_ECHO, .id = htons(c->a), .seq = htons(c->b)};
	icmp->checksum = net_checksum(p->data, p->len);
}

static void
write_udp(struct pkt *p, const struct output_call *c)
{
	struct net_udp *udp = (void *)p->data;

	*udp = (struct net_udp){.sport = htons(c->a),
	    .dport = htons(c->b),
	    .len = htons((uint16_t)p->len)};
	udp->checksum = net_sum_fold(net_sum(
	    p->data, p->len, net_sum_pseudo(c->src, c->dst, c->proto, p->len)));
	if (udp->checksum == 0)
		udp->checksum = 0xffff;
}

static int
output(struct worker *w, void *arg)
{
	struct output_call *c = arg;
	const size_t len = sizeof(struct net_icmp) + c->size;
	struct pkt *p =
	    len <= PKT_ROOM - 256 ? pkt_alloc(w) : pkt_alloc_jumbo(w);

	if (p == NULL)
		return -ENOBUFS;
	p->len = (uint32_t)len;
	p->flags |= PKT_LOCAL_ORIGIN;
	if (c->src == 0)
		c->src = ipv4_source(w->stack, c->dst);
	for (size_t i = 0; i < c->size; i++)
		p->data[sizeof(struct net_icmp) + i] = net_pattern(i);
	if (c->proto == NET_PROTO_ICMP)
		write_icmp(p, c);
	else
		write_udp(p, c);
	ipv4_output(w, p, c->src, c->dst, c->proto, c->tos, c->ttl, c->df);
	return 0;
}

static void
send_output(struct net *n, int node, struct output_call *c)
{
	struct worker *w = stack_worker(net_stack(n, node), 0);

	cr_assert(worker_call(w, output, c) == 0, "no packet to send with");
}

static bool
is_done(void *arg)
{
	return ((const struct net_waiting *)arg)->done;
}

bool
net_echo(
    struct net *n, int node, const struct net_echo *e, struct net_reply *out)
{
	struct net_waiting *wt = &net_node_of(n, node)->waiting;
	struct output_call c = {
	    .src = e->src != NULL ? net_ip(e->src) : 0,
	    .dst = net_ip(e->dst),
	    .proto = NET_PROTO_ICMP,
	    .tos = e->tos,
	    .ttl = e->ttl,
	    .df = (e->flags & NET_DF) != 0,
	    .a = ++n->next_id,
	    .b = 1,
	    .size = e->size,
	};

	cr_assert(e->size <= NET_PING_MAX, "echo too long");
	*wt = (struct net_waiting){
	    .active = true,
	    .id = c.a,
	    .seq = c.b,
	    .size = e->size,
	    .sent = n->now,
	};
	send_output(n, node, &c);
	(void)net_run_until(
	    n, e->timeout != 0 ? e->timeout : TIMEOUT_DEFAULT, is_done, wt);
	wt->active = false;
	if (!wt->done)
		return false;
	cr_assert(wt->reply.type != ICMP_ECHO_REPLY || wt->intact,
	    "an echo reply came back with other bytes");
	*out = wt->reply;
	return true;
}

bool
net_ping(
    struct net *n, int node, const char *dst, size_t size, unsigned int flags)
{
	const struct net_echo e = {.dst = dst, .size = size, .flags = flags};
	struct net_reply r;

	return net_echo(n, node, &e, &r) && r.type == ICMP_ECHO_REPLY &&
	       r.from == net_ip(dst);
}

static int
sink_init(struct stack *st, void **state)
{
	(void)st;
	*state = calloc(1, sizeof(struct net_sink));
	return *state != NULL ? 0 : -ENOMEM;
}

/* The counter of a port; NULL if the table is full. */
static uint64_t *
sink_port(struct net_sink *s, uint16_t port)
{
	for (unsigned int i = 0; i < s->nports; i++)
		if (s->port[i].port == port)
			return &s->port[i].received;
	if (s->nports == NET_PORTS_MAX)
		return NULL;
	s->port[s->nports].port = port;
	return &s->port[s->nports++].received;
}

static void
sink_input(void *state, struct worker *w, struct pkt_batch *in)
{
	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];
		const struct net_udp *udp = (const void *)p->data;
		const struct ipv4_hdr *ip = (const void *)p->l3;
		const size_t head = sizeof(*udp);
		uint64_t *count;

		if (p->len >= head && ntohs(udp->len) == p->len &&
		    net_sum_fold(net_sum(p->data, p->len,
			net_sum_pseudo(ip->src, ip->dst, ip->proto, p->len))) ==
			0 &&
		    is_pattern(p->data + head, p->len - head)) {
			count = sink_port(state, ntohs(udp->dport));
			if (count != NULL)
				++*count;
		}
		pkt_free(w, p);
	}
	in->n = 0;
}

static const struct proto net_sink_proto = {
    .name = "udp-sink",
    .carrier = PROTO_CARRIER_IPV4,
    .number = NET_PROTO_UDP,
    .init = sink_init,
    .fini = free,
    .input = sink_input,
};

void
net_udp_sink(struct net *n, int node)
{
	cr_assert(proto_add(net_stack(n, node), &net_sink_proto) == 0);
}

void
net_udp_send(struct net *n, int node, uint16_t sport, const char *dst,
    uint16_t dport, size_t size)
{
	struct output_call c = {
	    .dst = net_ip(dst),
	    .proto = NET_PROTO_UDP,
	    .a = sport,
	    .b = dport,
	    .size = size,
	};

	send_output(n, node, &c);
}

uint64_t
net_udp_received(struct net *n, int node, uint16_t dport)
{
	struct net_sink *s = proto_state(net_stack(n, node), &net_sink_proto);
	const uint64_t *count;

	cr_assert(s != NULL, "node %d has no UDP sink", node);
	count = sink_port(s, dport);
	return count != NULL ? *count : 0;
}
