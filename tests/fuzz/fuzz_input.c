/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer target: frames into a router.
 *
 * An input is a list of records {interface, delay, length, frame}.  Each frame
 * is received by a stepped router with two Ethernet interfaces; delays move the
 * virtual clock, so that timers of ARP, neighbours and reassembly run as well.
 * What the router sends is read back from an exact-size heap block, and after
 * every input the clock jumps until each packet must be back in its pool.
 *
 * The mutator repairs versions, lengths and checksums now and then: the
 * target verifies them always, so both sides of each check are reached.
 */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define RECORD_HDR 4 /* interface, delay, length (2, little endian) */
#define SECOND     UINT64_C(1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const struct proto *const protos[] = {
    &proto_ether, &proto_arp, &proto_nexthop, &proto_ipv4, &proto_icmp, NULL};

static struct stack *st;
static netif_id port[2];
static uint64_t now = SECOND;
static struct {
	const uint8_t *frame;
	size_t len;
} waiting[2];

static uint64_t
clock_read(void *arg)
{
	(void)arg;
	return now;
}

static void
poll_frame(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	const int i = nif->id == port[0] ? 0 : 1;
	struct pkt *p;

	(void)queue;
	if (waiting[i].frame == NULL || (p = pkt_alloc(w)) == NULL)
		return;
	memcpy(p->data, waiting[i].frame, waiting[i].len);
	p->len = (uint32_t)waiting[i].len;
	waiting[i].frame = NULL;
	pkt_batch_add(b, p);
}

static void
transmit_check(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	(void)queue;
	for (unsigned int i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];
		/* relaxed: the MTU never changes here. */
		const uint32_t mtu = sync_load_relaxed(&nif->mtu);
		uint8_t *copy;

		if (p->len > mtu + ETHER_HDR_LEN)
			abort();
		if ((copy = malloc(p->len)) == NULL)
			abort();
		memcpy(copy, p->data, p->len);
		free(copy);
		pkt_free(w, p);
	}
	b->n = 0;
}

static void
detach_nothing(struct netif *nif)
{
	(void)nif;
}

static const struct netif_ops ops = {
    .poll = poll_frame,
    .transmit = transmit_check,
    .detach = detach_nothing,
};

static void
must(int err)
{
	if (err != 0)
		abort();
}

static void
attach_port(int i, const char *name, uint32_t addr)
{
	const struct netif_config cfg = {.name = name,
	    .driver = "fuzz",
	    .link = NETIF_LINK_ETHER,
	    .mtu = i == 0 ? 1500 : 576,
	    .hwaddr = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
	    .flags = NETIF_RUNNING,
	    .nqueues = 1,
	    .ops = &ops};

	must(netif_attach(st, &cfg, &port[i]));
	must(netif_set_flags(st, port[i], NETIF_UP, 0));
	must(ipv4_addr_add(st, port[i], htonl(addr), 24));
}

static void
setup(void)
{
	const struct stack_config cfg = {.name = "fuzz",
	    .protos = protos,
	    .nworkers = 1,
	    .pkts_per_worker = 256,
	    .stepped = true,
	    .clock = clock_read,
	    .seed = 1};
	const uint8_t gw[4] = {10, 0, 2, 9}, mac[6] = {2, 0, 0, 0, 9, 9};
	struct route_nexthop nh = {.has_gateway = true, .weight = 1};
	struct route_config r = {.type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};

	must(stack_create(&cfg, &st));
	attach_port(0, "p0", 0x0a000101);
	attach_port(1, "p1", 0x0a000201);
	must(ipv4_option_set(st, IPV4_OPT_FORWARDING, 1));
	must(ipv4_option_set(st, IPV4_OPT_SEND_REDIRECTS, 1));
	must(nexthop_static_add(st, port[1], NETIF_AF_INET, gw, mac, true));
	memcpy(nh.gateway, gw, sizeof(gw));
	must(ipv4_route_add(st, &r, ROUTE_ADD));
}

static void
settle(void)
{
	while (stack_step(st))
		continue;
}

/* Let every timer run out: then nothing may hold a packet. */
static void
drain(void)
{
	settle();
	for (int i = 0; i < 64 && stack_pkts_in_use(st) != 0; i++) {
		now += SECOND;
		settle();
	}
	if (stack_pkts_in_use(st) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (st == NULL)
		setup();
	while (size >= RECORD_HDR) {
		const int i = data[0] & 1;
		size_t len = data[2] | (size_t)data[3] << 8;
		uint8_t *exact;

		now += (uint64_t)data[1] * (SECOND / 64);
		data += RECORD_HDR;
		size -= RECORD_HDR;
		if (len > size)
			len = size;
		if (len > PKT_ROOM - PKT_HEADROOM)
			len = PKT_ROOM - PKT_HEADROOM;
		if (len == 0)
			continue;
		if ((exact = malloc(len)) == NULL)
			abort();
		memcpy(exact, data, len);
		waiting[i].frame = exact;
		waiting[i].len = len;
		settle();
		free(exact);
		data += len;
		size -= len;
	}
	drain();
	return 0;
}

static uint16_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2 != 0)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
repair_icmp(uint8_t *icmp, size_t len)
{
	if (len < 8)
		return;
	put16(icmp + 2, 0);
	put16(icmp + 2, checksum(icmp, len));
}

/* Make an IPv4 frame pass the checks of its header. */
static void
repair_ipv4(uint8_t *ip, size_t len)
{
	size_t hlen;

	if (len < IPV4_HDR_MIN)
		return;
	hlen = (size_t)(ip[0] & 15) * 4;
	if (hlen < IPV4_HDR_MIN || hlen > len)
		hlen = IPV4_HDR_MIN;
	ip[0] = (uint8_t)(0x40 | hlen / 4);
	put16(ip + 2, (uint16_t)len);
	put16(ip + 10, 0);
	put16(ip + 10, checksum(ip, hlen));
	if (ip[9] == 1)
		repair_icmp(ip + hlen, len - hlen);
}

static void
repair_frame(uint8_t *f, size_t len, int i, unsigned int seed)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
	const uint8_t mine[6] = {2, 0, 0, 0, 0, (uint8_t)(i + 1)};

	if (len < ETHER_HDR_LEN)
		return;
	memcpy(f, (seed & 7) == 0 ? all : mine, 6);
	f[6] &= 0xfe;
	if (f[12] == 8 && f[13] == 0)
		repair_ipv4(f + ETHER_HDR_LEN, len - ETHER_HDR_LEN);
}

size_t
LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t at = 0;

	size = LLVMFuzzerMutate(data, size, max_size);
	if (seed % 4 == 0)
		return size; /* leave some broken */
	while (size - at >= RECORD_HDR) {
		uint8_t *r = data + at;
		size_t len = r[2] | (size_t)r[3] << 8;

		at += RECORD_HDR;
		if (len > size - at)
			len = size - at;
		repair_frame(data + at, len, r[0] & 1, seed >> 2);
		at += len;
	}
	return size;
}
