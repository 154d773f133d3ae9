/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An ICMP client: it takes the place of the ICMP protocol in the stack of a
 * measuring host, sends echo requests and keeps the answer to the latest.
 *
 * Ordering pairs
 *   ANSWER  input stores answer (release) -> run_probe loads it (acquire):
 *           one word holds the whole answer, so there is no half of one.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "apps/psnet-run/run.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define ICMP_HDR_LEN 8

/* [a] atomic  [k] control thread */
struct probe {
	/* seq:16 type:8 code:8 from:32, host order. */
	SYNC_ATOMIC(uint64_t) answer; /* [a] */
	uint16_t seq;                 /* [k] */
};

struct request {
	uint32_t dst;
	size_t size;
	uint16_t seq;
	uint8_t ttl;
};

static int
probe_init(struct stack *st, void **state)
{
	(void)st;
	*state = calloc(1, sizeof(struct probe));
	return *state == NULL ? -1 : 0;
}

/* The sequence number that an answer belongs to; 0: none of ours. */
static uint16_t
answered_seq(const struct pkt *p)
{
	const uint8_t *icmp = p->data;
	size_t hlen;

	if (p->len < ICMP_HDR_LEN)
		return 0;
	if (icmp[0] == ICMP_ECHO_REPLY)
		return (uint16_t)(icmp[6] << 8 | icmp[7]);
	if (p->len < 2 * ICMP_HDR_LEN + IPV4_HDR_MIN)
		return 0;
	hlen = (size_t)(icmp[8] & 15) * 4;
	if (p->len < 2 * ICMP_HDR_LEN + hlen)
		return 0;
	icmp += ICMP_HDR_LEN + hlen; /* the request that is quoted */
	return (uint16_t)(icmp[6] << 8 | icmp[7]);
}

static void
probe_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct probe *pr = state;

	for (unsigned int i = 0; i < in->n; i++) {
		const struct pkt *p = in->pkt[i];
		const struct ipv4_hdr *ip = (const void *)p->l3;
		const uint16_t seq = answered_seq(p);

		if (seq != 0)
			/* ANSWER release: pairs with the acquire in run_probe. */
			sync_store_release(&pr->answer,
			    (uint64_t)seq << 48 | (uint64_t)p->data[0] << 40 |
				(uint64_t)p->data[1] << 32 | ntohl(ip->src));
		pkt_free(w, in->pkt[i]);
	}
	in->n = 0;
}

const struct proto run_proto_probe = {
    .name = "probe",
    .carrier = PROTO_CARRIER_IPV4,
    .number = 1,
    .init = probe_init,
    .fini = free,
    .input = probe_input,
};

static int
send_request(struct worker *w, void *arg)
{
	const struct request *r = arg;
	const size_t len = ICMP_HDR_LEN + r->size;
	struct pkt *p;
	uint16_t sum;

	p = len > 1480 ? pkt_alloc_jumbo(w) : pkt_alloc(w);
	if (p == NULL)
		return -1;
	for (size_t i = 0; i < len; i++)
		p->data[i] = (uint8_t)i;
	memset(p->data, 0, ICMP_HDR_LEN);
	p->data[0] = ICMP_ECHO;
	p->data[6] = (uint8_t)(r->seq >> 8);
	p->data[7] = (uint8_t)r->seq;
	sum = run_checksum(p->data, len);
	memcpy(p->data + 2, &sum, sizeof(sum));
	p->len = (uint32_t)len;
	ipv4_output(w, p, 0, r->dst, 1, 0, r->ttl, false);
	return 0;
}

struct run_answer
run_probe(
    struct stack *st, uint32_t dst, size_t size, uint8_t ttl, double timeout)
{
	struct probe *pr = proto_state(st, &run_proto_probe);
	struct request r = {.dst = dst, .size = size, .ttl = ttl};
	const double start = run_seconds();
	uint64_t a;

	if (++pr->seq == 0)
		pr->seq = 1;
	r.seq = pr->seq;
	worker_call(stack_worker(st, 0), send_request, &r);
	while (run_seconds() < start + timeout) {
		/* ANSWER acquire: pairs with the release in probe_input. */
		a = sync_load_acquire(&pr->answer);
		if (a >> 48 == r.seq)
			return (struct run_answer){.type = (uint8_t)(a >> 40),
			    .code = (uint8_t)(a >> 32),
			    .from = htonl((uint32_t)a),
			    .ms = (run_seconds() - start) * 1e3};
		run_sleep(50e-6);
	}
	return (struct run_answer){.type = 0xff};
}
