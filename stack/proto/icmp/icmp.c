/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ICMP: answers echo requests, and makes the errors.  Errors and redirects
 * that come in have no reader yet; a router ignores redirects (RFC 1812
 * 5.2.7.2).
 */

#include "stack/proto/icmp/icmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "stack/core/netif.h"
#include "stack/core/pkt.h"
#include "stack/core/stack.h"
#include "stack/proto/icmp/icmp_impl.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4.h"

#define ICMP_PROTO   1
#define ICMP_HDR_LEN 8

/* RFC 1812 4.3.2.3: the error's datagram does not exceed 576 bytes. */
#define QUOTE_MAX (576 - IPV4_HDR_MIN - ICMP_HDR_LEN)

/* RFC 1812 4.3.2.5: precedence 6, internetwork control. */
#define TOS_ERROR 0xc0

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint32_t rest;
} __attribute__((__packed__, __may_alias__));

/* [c] constant */
struct icmp {
	struct stack *stack;        /* [c] */
	unsigned int nworkers;      /* [c] */
	struct icmp_limit *limit[]; /* [c] one each, of that worker */
};

static void
fini(void *state)
{
	struct icmp *ic = state;
	unsigned int i;

	for (i = 0; i < ic->nworkers; i++)
		free(ic->limit[i]);
	free(ic);
}

static int
init(struct stack *st, void **state)
{
	const size_t size =
	    SYNC_ROUNDUP(sizeof(struct icmp_limit), SYNC_CACHELINE);
	const unsigned int n = stack_nworkers(st);
	const uint64_t seed = stack_seed(st);
	struct icmp *ic;
	unsigned int i;

	ic = calloc(1, sizeof(*ic) + n * sizeof(ic->limit[0]));
	if (ic == NULL)
		return -ENOMEM;
	ic->stack = st;
	ic->nworkers = n;
	for (i = 0; i < n; i++) {
		ic->limit[i] = aligned_alloc(SYNC_CACHELINE, size);
		if (ic->limit[i] == NULL) {
			fini(ic);
			return -ENOMEM;
		}
		memset(ic->limit[i], 0, size);
		ic->limit[i]->seed = (uint32_t)(seed ^ seed >> 32);
	}
	*state = ic;
	return 0;
}

/* Queries, which may be answered by an error; everything else may not. */
static bool
is_query(uint8_t type)
{
	switch (type) {
	case ICMP_ECHO_REPLY:
	case ICMP_ECHO:
	case 9:  /* router advertisement, RFC 1256 */
	case 10: /* router solicitation */
	case 13: /* timestamp */
	case 14: /* timestamp reply */
	case 15: /* information request */
	case 16: /* information reply */
	case 17: /* address mask request, RFC 950 */
	case 18: /* address mask reply */
		return true;
	default:
		return false;
	}
}

/* An address of exactly one host, as far as we can know. */
static bool
one_host(struct stack *st, netif_id id, uint32_t addr)
{
	const uint32_t a = ntohl(addr);
	const struct route *r;

	if (a >> 24 == 0 || a >> 24 == 127 || a >> 28 >= 0xe)
		return false;
	r = route_table_lookup(
	    route_tables_of(ipv4_tables(st), id), (const uint8_t *)&addr);
	return r == NULL || r->type != ROUTE_BROADCAST;
}

/* Bytes of p from its network header on that are there. */
static size_t
quotable(const struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const size_t there = (size_t)(p->data + p->len - p->l3);
	const size_t total = ntohs(h->total_len);

	return there < total ? there : total;
}

/* RFC 1122 3.2.2 and RFC 1812 4.3.2.7: what never draws an error. */
static bool
may_answer(struct stack *st, const struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	const uint32_t dst = ntohl(h->dst);
	const struct route *r;

	if ((p->flags &
		(PKT_L2_BROADCAST | PKT_L2_MULTICAST | PKT_LOCAL_ORIGIN)) != 0)
		return false;
	if ((h->frag_off & htons(IPV4_OFF_MASK)) != 0)
		return false;
	if (h->proto == ICMP_PROTO &&
	    (quotable(p) <= p->l3_len || !is_query(p->l3[p->l3_len])))
		return false;
	if (dst >> 28 >= 0xe || !one_host(st, p->rx_if, h->src))
		return false;
	r = route_table_lookup(route_tables_of(ipv4_tables(st), p->rx_if),
	    (const uint8_t *)&h->dst);
	return r == NULL || r->type != ROUTE_BROADCAST;
}

static unsigned int
limit_of(uint8_t type)
{
	switch (type) {
	case ICMP_UNREACHABLE:
		return 0;
	case ICMP_REDIRECT:
		return 1;
	case ICMP_TIME_EXCEEDED:
		return 2;
	default:
		return 3;
	}
}

static uint32_t
option(struct stack *st, enum ipv4_option opt)
{
	uint32_t value = 0;

	(void)ipv4_option_get(st, opt, &value);
	return value;
}

/* This worker's share; at least one, as 0 is no limit. */
static uint32_t
share(uint32_t rate, unsigned int nworkers)
{
	return rate == 0 ? 0 : (rate + nworkers - 1) / nworkers;
}

/* Something in the place of an error was not sent. */
static void
count(struct worker *w, const struct pkt *p, enum drop_reason reason)
{
	struct netif *nif = netif_lookup(w->stack, p->rx_if);

	if (nif != NULL)
		netif_count(w, nif, NETIF_DROPS + (unsigned int)reason, 1);
}

/* Answer p, which stays the caller's, if that is allowed. */
static void
answer(struct worker *w, const struct pkt *p, uint8_t type, uint8_t code,
    uint32_t rest)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	struct icmp *ic = proto_state(w->stack, &proto_icmp);
	size_t quote = quotable(p);
	struct icmp_hdr *e;
	struct pkt *q;

	if (ic == NULL || !may_answer(w->stack, p))
		return;
	if (!icmp_limit_pass(ic->limit[w->id], w, limit_of(type),
		share(option(w->stack, IPV4_OPT_ICMP_RATE), ic->nworkers),
		h->src, option(w->stack, IPV4_OPT_ICMP_DST_RATE))) {
		count(w, p, DROP_ICMP_RATE);
		return;
	}
	q = pkt_alloc(w);
	if (q == NULL) {
		count(w, p, DROP_NO_BUFFER);
		return;
	}
	if (quote > QUOTE_MAX)
		quote = QUOTE_MAX;
	e = (struct icmp_hdr *)q->data;
	*e = (struct icmp_hdr){.type = type, .code = code, .rest = rest};
	memcpy(q->data + ICMP_HDR_LEN, p->l3, quote);
	q->len = (uint32_t)(ICMP_HDR_LEN + quote);
	q->rx_if = p->rx_if;
	q->mark = p->mark;
	e->checksum = ipv4_checksum(q->data, q->len);
	ipv4_output(w, q, 0, h->src, ICMP_PROTO, TOS_ERROR, 0, false);
}

void
icmp_error(struct worker *w, struct pkt *p, uint8_t type, uint8_t code,
    uint32_t param, enum drop_reason reason)
{
	uint32_t rest = 0;

	SYNC_ASSERT(pserialize_in_read_section());
	if (type == ICMP_UNREACHABLE && code == ICMP_UNREACH_NEEDFRAG)
		rest = htonl(param & 0xffff); /* RFC 1191 section 4 */
	else if (type == ICMP_PARAM_PROBLEM)
		rest = htonl(param << 24);
	else if (type == ICMP_REDIRECT)
		rest = param;
	answer(w, p, type, code, rest);
	pkt_drop(w, p, p->tx_if != 0 ? p->tx_if : p->rx_if, reason);
}

void
icmp_redirect(struct worker *w, struct pkt *p, uint32_t gateway)
{
	SYNC_ASSERT(pserialize_in_read_section());
	/* RFC 1812 5.2.7.2: code 1, for the host only. */
	answer(w, p, ICMP_REDIRECT, 1, gateway);
}

/* RFC 1122 3.2.2.6, RFC 1812 4.3.3.6: the request itself becomes the reply. */
static void
echo(struct worker *w, struct pkt *p)
{
	const struct ipv4_hdr *h = (const struct ipv4_hdr *)p->l3;
	struct icmp_hdr *e = (struct icmp_hdr *)p->data;
	const uint32_t to = h->src;
	const uint8_t tos = h->tos;
	uint32_t from = h->dst;
	uint16_t before, after;

	if (to == 0) { /* a host that does not know its address yet */
		pkt_drop(w, p, p->rx_if, DROP_ICMP_TYPE);
		return;
	}
	if (!ipv4_is_local_on(w->stack, p->rx_if, from)) {
		if (option(w->stack, IPV4_OPT_ICMP_ECHO_BROADCAST) == 0) {
			pkt_drop(w, p, p->rx_if, DROP_ICMP_TYPE);
			return;
		}
		from = 0;
	}
	memcpy(&before, &e->type, sizeof(before));
	e->type = ICMP_ECHO_REPLY;
	memcpy(&after, &e->type, sizeof(after));
	e->checksum = ipv4_checksum_update(e->checksum, before, after);
	/* A message of nothing but zero sums to -0, which no update yields. */
	if (e->checksum == 0)
		e->checksum = ipv4_checksum(p->data, p->len);
	p->tx_if = 0;
	ipv4_output(w, p, from, to, ICMP_PROTO, tos, 0, false);
}

static void
input_one(struct worker *w, struct pkt *p)
{
	const struct icmp_hdr *e = (const struct icmp_hdr *)p->data;

	if (p->len < ICMP_HDR_LEN)
		pkt_drop(w, p, p->rx_if, DROP_ICMP_SHORT);
	else if (ipv4_checksum(p->data, p->len) != 0)
		pkt_drop(w, p, p->rx_if, DROP_ICMP_CHECKSUM);
	else if (e->type != ICMP_ECHO || e->code != 0)
		pkt_drop(w, p, p->rx_if, DROP_ICMP_TYPE);
	else
		echo(w, p);
}

static void
input(void *state, struct worker *w, struct pkt_batch *in)
{
	unsigned int i;

	(void)state;
	SYNC_ASSERT(pserialize_in_read_section());
	for (i = 0; i < in->n; i++)
		input_one(w, in->pkt[i]);
}

const struct proto proto_icmp = {
    .name = "icmp",
    .carrier = PROTO_CARRIER_IPV4,
    .number = ICMP_PROTO,
    .init = init,
    .fini = fini,
    .input = input,
};
