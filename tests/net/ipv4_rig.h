/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A router between two probes, which most tests of IPv4 and ICMP use:
 *
 *	probe a 10.0.1.2 --- 10.0.1.1 eth0 [r] eth1 10.0.2.1 --- 10.0.2.2 probe b
 */
#ifndef TESTS_NET_IPV4_RIG_H
#define TESTS_NET_IPV4_RIG_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "tests/net/harness.h"

#define A_ADDR "10.0.1.2"
#define B_ADDR "10.0.2.2"
#define R_A    "10.0.1.1"
#define R_B    "10.0.2.1"

#define PROTO_ICMP 1
#define PROTO_TCP  6
#define PROTO_UDP  17

struct rig {
	struct net *n;
	int r, a, b;
	struct net_frame f, got; /* sent, received */
};

/* Begin g->f: from a probe to the router, an IPv4 header. */
static inline struct ipv4_hdr *rig_ipv4(struct rig *g, int probe,
    const char *src, const char *dst, uint8_t proto, uint8_t ttl);

/* Make both neighbours known, and forget what was received so far. */
static inline void
rig_warm(struct rig *g)
{
	(void)rig_ipv4(g, g->a, A_ADDR, B_ADDR, 253, 0);
	net_frame_end(&g->f);
	net_probe_send(g->n, g->a, &g->f);
	(void)rig_ipv4(g, g->b, B_ADDR, A_ADDR, 253, 0);
	net_frame_end(&g->f);
	net_probe_send(g->n, g->b, &g->f);
	net_run(g->n, SEC(5)); /* announcements, too */
	net_probe_clear(g->n, g->a);
	net_probe_clear(g->n, g->b);
}

static inline void
rig_init(struct rig *g)
{
	memset(g, 0, sizeof(*g));
	g->n = net_create();
	g->r = net_router(g->n, "r");
	g->a = net_probe(g->n, g->r, R_A "/24", NULL);
	g->b = net_probe(g->n, g->r, R_B "/24", NULL);
	net_probe_arp(g->n, g->a, A_ADDR);
	net_probe_arp(g->n, g->b, B_ADDR);
	rig_warm(g);
}

static inline void
rig_fini(struct rig *g)
{
	net_check_clean(g->n);
	net_destroy(g->n);
}

/*
 * A test between the setup() and teardown() of its file.  Criterion does not
 * look at what a .fini asserts, and rig_fini() asserts what matters.
 */
#define RIG_TEST(suite, name)                    \
	static void suite##_##name##_body(void); \
	Test(suite, name)                        \
	{                                        \
		setup();                         \
		suite##_##name##_body();         \
		teardown();                      \
	}                                        \
	static void suite##_##name##_body(void)

/* Exactly count drops for reason so far, and they are part of the test. */
static inline void
rig_dropped(struct rig *g, const char *reason, uint64_t count)
{
	cr_assert(net_drops(g->n, g->r, reason) == count, "%llu drops %s",
	    (unsigned long long)net_drops(g->n, g->r, reason), reason);
	net_allow_drops(g->n, g->r, reason, count);
}

static inline const uint8_t *
rig_hwaddr(struct rig *g, int probe)
{
	return net_hwaddr(g->n, g->r, probe == g->a ? "eth0" : "eth1");
}

static inline struct ipv4_hdr *
rig_ipv4(struct rig *g, int probe, const char *src, const char *dst,
    uint8_t proto, uint8_t ttl)
{
	net_frame_ether(&g->f, rig_hwaddr(g, probe),
	    net_probe_hwaddr(g->n, probe), ETHER_TYPE_IPV4);
	net_frame_ipv4(&g->f, src, dst, proto, ttl);
	return (struct ipv4_hdr *)(g->f.data + ETHER_HDR_LEN);
}

/* A UDP datagram of size bytes from a, complete but not sent. */
static inline struct ipv4_hdr *
rig_udp(
    struct rig *g, const char *src, const char *dst, uint8_t ttl, size_t size)
{
	struct ipv4_hdr *h = rig_ipv4(g, g->a, src, dst, PROTO_UDP, ttl);

	net_frame_udp(&g->f, 4000, 9999, size);
	net_frame_end(&g->f);
	return h;
}

/* Correct the header's checksum after a change. */
static inline void
rig_sum(struct ipv4_hdr *h)
{
	h->checksum = 0;
	h->checksum = net_checksum(h, (h->ver_ihl & 15) * 4U);
}

static inline void
rig_send(struct rig *g, int probe)
{
	net_probe_send(g->n, probe, &g->f);
}

/* An ICMP message of this kind at probe, in g->got. */
static inline bool
rig_expect_icmp(struct rig *g, int probe, uint8_t type, uint8_t code)
{
	const struct net_match m = {
	    .ethertype = ETHER_TYPE_IPV4,
	    .icmp = true,
	    .icmp_type = type,
	    .icmp_code = code,
	};

	return net_probe_expect(g->n, probe, &m, SEC(5), &g->got);
}

/* A datagram to dst at probe, in g->got. */
static inline bool
rig_expect(struct rig *g, int probe, const char *dst)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4, .dst = dst};

	return net_probe_expect(g->n, probe, &m, SEC(5), &g->got);
}

/* IPv4 datagrams at probe within a second. */
static inline unsigned int
rig_count(struct rig *g, int probe)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};

	return net_probe_count(g->n, probe, &m, SEC(1));
}

/*
 * g->f, sent by a, draws this error, complete in every field: RFC 792,
 * RFC 1812 4.3.2.
 */
static inline void
rig_draws(struct rig *g, uint8_t type, uint8_t code, uint32_t info)
{
	const struct ipv4_hdr *sent, *h;
	size_t len, quote;
	uint32_t word;
	uint8_t *at;

	rig_send(g, g->a);
	cr_assert(rig_expect_icmp(g, g->a, type, code));
	sent = net_frame_get_ipv4(&g->f);
	h = net_frame_get_ipv4(&g->got);
	at = net_frame_get_payload(&g->got, &len);
	cr_assert_not_null(at);
	cr_assert(net_frame_sums_hold(&g->got));
	cr_assert(h->src == net_ip(R_A) && h->dst == sent->src);
	cr_assert(h->tos == 0xc0 && h->ttl == 64 && h->frag_off == 0);
	memcpy(&word, at + 4, sizeof(word));
	cr_assert(ntohl(word) == info, "second word %#x", ntohl(word));
	quote = ntohs(sent->total_len);
	if (quote > 576 - 28)
		quote = 576 - 28;
	cr_assert(len == 8 + quote, "%zu bytes, not %zu", len, 8 + quote);
	cr_assert_arr_eq(at + 8, sent, quote);
}

#endif /* TESTS_NET_IPV4_RIG_H */
