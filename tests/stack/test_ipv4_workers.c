/* SPDX-License-Identifier: BSD-2-Clause */

/* IPv4 where one datagram comes to several workers. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "stack/nexthop/nexthop.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4.h"
#include "tests/stack/testdev.h"
#include "tests/stress.h"

#define WORKERS 3
#define SIZE    64 /* of the message */
#define CUT     32

static struct stack *st;
static struct testdev dev;
static netif_id id;

static void
setup(bool stepped)
{
	static const struct proto *const protos[] = {
	    &proto_nexthop, &proto_ipv4, &proto_ipv4_link, &proto_icmp, NULL};

	st = testdev_stack(stepped, WORKERS, 64, protos);
	testdev_init(&dev, 0, 0);
	id = testdev_attach(st, &dev, "dev", WORKERS);
	cr_assert_eq(ipv4_addr_add(st, id, htonl(0x0a000001), 24), 0);
	if (!stepped)
		cr_assert_eq(stack_start(st), 0);
}

struct piece {
	uint16_t number;
	bool last;
};

/* One half of an echo request from 10.0.0.2, received by w. */
static int
receive(struct worker *w, void *arg)
{
	const struct piece *f = arg;
	struct netif *nif = netif_lookup(st, id);
	struct pkt *p = pkt_alloc(w);
	uint8_t message[SIZE] = {ICMP_ECHO};
	struct pkt_batch b = {.n = 0};
	struct ipv4_hdr *h;
	uint16_t sum;

	if (p == NULL)
		return -1;
	message[7] = (uint8_t)f->number;
	sum = ipv4_checksum(message, sizeof(message));
	memcpy(message + 2, &sum, sizeof(sum));
	h = (struct ipv4_hdr *)p->data;
	*h = (struct ipv4_hdr){
	    .ver_ihl = 0x45,
	    .total_len = htons(IPV4_HDR_MIN + CUT),
	    .id = htons(f->number),
	    .frag_off = htons(f->last ? CUT / 8 : IPV4_MF),
	    .ttl = 9,
	    .proto = 1,
	    .src = htonl(0x0a000002),
	    .dst = htonl(0x0a000001),
	};
	h->checksum = ipv4_checksum(h, sizeof(*h));
	memcpy(p->data + IPV4_HDR_MIN, message + (f->last ? CUT : 0), CUT);
	p->len = IPV4_HDR_MIN + CUT;
	pkt_batch_add(&b, p);
	netif_input(w, nif, &b);
	return 0;
}

static uint64_t
replies(void)
{
	/* relaxed: a count. */
	return sync_load_relaxed(&dev.sent);
}

Test(ipv4_workers, fragments_meet_whichever_worker_they_come_to)
{
	setup(true);
	for (unsigned int i = 0; i < 60; i++) {
		struct piece f = {.number = (uint16_t)i};

		for (unsigned int k = 0; k < 2; k++) {
			f.last = k == i / 9 % 2;
			cr_assert_eq(
			    worker_call(stack_worker(st, (i + k * (i / 3)) % 3),
				receive, &f),
			    0);
			(void)stack_step(st);
		}
		(void)stack_step(st);
		cr_assert_eq(replies(), i + 1);
	}
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

Test(ipv4_workers, stress_fragments_meet_between_threads)
{
	const unsigned int n = (unsigned int)stress_n(2000);

	setup(false);
	for (unsigned int i = 0; i < n; i++) {
		struct piece f = {.number = (uint16_t)i};

		for (unsigned int k = 0; k < 2; k++) {
			f.last = k == 1;
			while (worker_call(stack_worker(st, (i + k) % 3),
				   receive, &f) != 0)
				(void)sched_yield();
		}
		while (replies() != i + 1)
			(void)sched_yield();
	}
	stack_stop(st);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}
