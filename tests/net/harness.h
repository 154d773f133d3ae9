/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Topologies of stepped stacks and wires, run in virtual time.
 *
 *	struct net *n = net_create();
 *	int a = net_host(n, "a"), r = net_router(n, "r"), b = net_host(n, "b");
 *
 *	net_wire(n, a, "10.0.1.2/24", r, "10.0.1.1/24", NULL);
 *	net_wire(n, b, "10.0.2.2/24", r, "10.0.2.1/24", NULL);
 *	net_route(n, a, "default via 10.0.1.1");
 *	net_route(n, b, "default via 10.0.2.1");
 *	cr_assert(net_ping(n, a, "10.0.2.2", 56, 0));
 *	net_check_clean(n);
 *	net_destroy(n);
 *
 * The interfaces of a node are called eth0, eth1, ... in the order of their
 * wires.  Everything runs on the calling thread; time moves only in net_run()
 * and in what waits for something.  Whatever goes wrong that the function has
 * no result for ends the test.  Times are ns; addresses are text.
 *
 * Every wire is recorded; a test that fails leaves the pcapng files behind, in
 * $NET_DUMP_DIR or a temporary folder, and says where.
 */
#ifndef TESTS_NET_HARNESS_H
#define TESTS_NET_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/wire.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define US(n)  ((uint64_t)(n)*1000)
#define MS(n)  ((uint64_t)(n)*1000000)
#define SEC(n) ((uint64_t)(n)*1000000000)

struct net;

/* --- Building ---------------------------------------------------------- */

struct net *net_create(void);

/* Destroy everything.  The recordings go too, unless NET_DUMP_DIR is set. */
void net_destroy(struct net *n);

/*
 * Add a stack with Ethernet, ARP, IPv4 and ICMP, and a loop interface lo.  A
 * router has IPV4_OPT_FORWARDING on.
 * Returns: the node's number.
 */
int net_host(struct net *n, const char *name);
int net_router(struct net *n, const char *name);

/* The same with several workers (stepped in turn) or a small pool (0: 512). */
int net_node(struct net *n, const char *name, unsigned int nworkers,
    unsigned int pkts_per_worker, bool forwarding);

/*
 * Join two nodes; cfg NULL: a perfect wire.  An address "10.0.0.1/24" is given
 * to the new interface, which is then up; NULL: none.
 * Returns: the wire's number; its end 0 is at a.
 */
int net_wire(struct net *n, int a, const char *a_addr, int b,
    const char *b_addr, const struct wire_config *cfg);

/* Detach both ends of a wire, as if the devices were removed. */
void net_wire_remove(struct net *n, int wire);

/* The parts, for what is not wrapped here. */
struct stack *net_stack(struct net *n, int node);
struct wire *net_wire_of(struct net *n, int wire);
netif_id net_netif(struct net *n, int node, const char *ifname);
netif_id net_wire_netif(struct net *n, int wire, unsigned int end);
const uint8_t *net_hwaddr(struct net *n, int node, const char *ifname);

/* --- Configuration, in the words of iproute2 --------------------------- */

/* Returns: what ipv4_addr_add() or ipv4_addr_remove() returned. */
int net_addr_add(struct net *n, int node, const char *ifname, const char *addr);
int net_addr_del(struct net *n, int node, const char *ifname, const char *addr);

/*
 * "[unicast|blackhole|unreachable|prohibit] PREFIX|default [via ADDR]
 * [recursive] [dev NAME] [src ADDR] [metric N] [nhid N]
 * [nexthop via ADDR [dev NAME] [weight N]]..."
 * Returns: what ipv4_route_add() or ipv4_route_remove() returned.
 */
int net_route(struct net *n, int node, const char *words);
int net_route_replace(struct net *n, int node, const char *words);
int net_route_change(struct net *n, int node, const char *words);
int net_route_del(struct net *n, int node, const char *prefix);

/* The route that a packet to addr takes, copied; false: none. */
bool net_route_get(struct net *n, int node, const char *addr,
    struct route_config *out, struct route_nexthop *first);

void net_up(struct net *n, int node, const char *ifname);
void net_down(struct net *n, int node, const char *ifname);
void net_mtu(struct net *n, int node, const char *ifname, uint32_t mtu);
void net_option(struct net *n, int node, enum ipv4_option o, uint32_t value);

/* Network order; ends the test on a bad address. */
uint32_t net_ip(const char *addr);

/* --- Time -------------------------------------------------------------- */

uint64_t net_now(const struct net *n);

/* Let time pass: every stack's work, timers and frames under way. */
void net_run(struct net *n, uint64_t ns);

/* The same until done(arg), at most ns.  Returns: whether it was done. */
bool net_run_until(
    struct net *n, uint64_t ns, bool (*done)(void *arg), void *arg);

/* --- Echo -------------------------------------------------------------- */

#define NET_DF       1u /* do not fragment */
#define NET_PING_MAX 65507

struct net_echo {
	const char *dst, *src; /* src NULL: chosen by the stack */
	size_t size;           /* bytes behind the ICMP header */
	uint8_t ttl, tos;      /* ttl 0: the default */
	unsigned int flags;    /* NET_DF */
	uint64_t timeout;      /* 0: 5 s */
};

/* What came back. */
struct net_reply {
	uint8_t type, code; /* ICMP_ECHO_REPLY, or an error about our request */
	uint32_t from;      /* network order */
	uint32_t info;      /* error: second word of its header, host order */
	uint8_t ttl, tos;
	uint64_t rtt;
	size_t quoted;      /* error: bytes of our datagram in it */
	uint8_t quote[576]; /* error: those bytes, from the IPv4 header on */
};

/*
 * Send an echo request and wait for the answer, whose payload is compared.
 * Answers are seen on interfaces only: a node cannot ping its own addresses
 * but those of lo.
 * Returns: false if nothing came in time.
 */
bool net_echo(
    struct net *n, int node, const struct net_echo *e, struct net_reply *out);

/* The same in short: did the right answer come?  flags: NET_DF. */
bool net_ping(
    struct net *n, int node, const char *dst, size_t size, unsigned int flags);

/* --- UDP flows --------------------------------------------------------- */

/* Take UDP in at node and count it per destination port. */
void net_udp_sink(struct net *n, int node);

/*
 * Send one datagram of size bytes, of a pattern that the sink checks.  It
 * leaves when time passes next.
 */
void net_udp_send(struct net *n, int node, uint16_t sport, const char *dst,
    uint16_t dport, size_t size);

/* Datagrams that the sink received on a port, undamaged. */
uint64_t net_udp_received(struct net *n, int node, uint16_t dport);

/* --- Frames: a probe host that the test plays itself ------------------- */

#define NET_FRAME_MAX PKT_ROOM

struct net_frame {
	size_t len;
	uint64_t time; /* received: when */
	uint8_t data[NET_FRAME_MAX];
};

/*
 * Put a probe on a new wire to node, whose interface gets node_addr (or NULL).
 * Returns: the probe's number.
 */
int net_probe(struct net *n, int node, const char *node_addr,
    const struct wire_config *cfg);

int net_probe_wire(struct net *n, int probe);
const uint8_t *net_probe_hwaddr(struct net *n, int probe);

/* The interface of the node that the probe is wired to. */
netif_id net_probe_netif(struct net *n, int probe);

/* From now on the probe answers ARP requests for addr by itself. */
void net_probe_arp(struct net *n, int probe, const char *addr);

/* Send a frame as it is.  It leaves when time passes next. */
void net_probe_send(struct net *n, int probe, const struct net_frame *f);

/*
 * Take the oldest frame received and not taken yet (1024 are kept); ARP that
 * the probe answered by itself is not among them.
 */
bool net_probe_recv(struct net *n, int probe, struct net_frame *out);

/* Forget what was received. */
void net_probe_clear(struct net *n, int probe);

/* Which frames an expectation is about; zero fields match everything. */
struct net_match {
	uint16_t ethertype;
	uint16_t arp_op;     /* ETHER_TYPE_ARP: 1 request, 2 reply */
	const char *arp_spa; /* sender's and target's address */
	const char *arp_tpa;
	const char *src, *dst; /* ETHER_TYPE_IPV4 */
	uint8_t proto;
	bool icmp; /* proto 1 and these two */
	uint8_t icmp_type, icmp_code;
};

/*
 * Run until a frame that matches arrives, at most ns; others before it are
 * dropped.  out may be NULL.
 */
bool net_probe_expect(struct net *n, int probe, const struct net_match *m,
    uint64_t ns, struct net_frame *out);

/* Run for ns and count the frames that match; all are dropped. */
unsigned int net_probe_count(
    struct net *n, int probe, const struct net_match *m, uint64_t ns);

/* --- Writing frames: from the outside in, then net_frame_end() --------- */

/* dst NULL: broadcast.  Starts the frame anew. */
void net_frame_ether(
    struct net_frame *f, const uint8_t *dst, const uint8_t *src, uint16_t type);

/* An ARP packet for Ethernet and IPv4; tha NULL: zero. */
void net_frame_arp(struct net_frame *f, uint16_t op, const uint8_t *sha,
    const char *spa, const uint8_t *tha, const char *tpa);

/* An IPv4 header without options: DF off, id 0; ttl 0: 64. */
void net_frame_ipv4(struct net_frame *f, const char *src, const char *dst,
    uint8_t proto, uint8_t ttl);

/* Options after net_frame_ipv4(); len is a multiple of 4. */
void net_frame_ipv4_options(
    struct net_frame *f, const void *options, size_t len);

/* An ICMP message with an 8-byte header and size bytes of pattern. */
void net_frame_icmp(struct net_frame *f, uint8_t type, uint8_t code,
    uint32_t info, size_t size);

/* A UDP header and size bytes of pattern. */
void net_frame_udp(
    struct net_frame *f, uint16_t sport, uint16_t dport, size_t size);

void net_frame_bytes(struct net_frame *f, const void *data, size_t len);

/*
 * Fill in the lengths and checksums of IPv4, ICMP and UDP that are still zero.
 * Change the bytes afterwards for malformed ones.
 */
void net_frame_end(struct net_frame *f);

/* --- Reading frames: NULL if it is something else ---------------------- */

struct net_arp {
	uint16_t htype, ptype;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t sha[6];
	uint32_t spa;
	uint8_t tha[6];
	uint32_t tpa;
} __attribute__((__packed__, __may_alias__));

struct net_arp *net_frame_get_arp(struct net_frame *f);
struct ipv4_hdr *net_frame_get_ipv4(struct net_frame *f);
/* The first byte behind the IPv4 header, and how many there are. */
uint8_t *net_frame_get_payload(struct net_frame *f, size_t *len);

/* Do the IPv4 header's and the ICMP or UDP checksum hold? */
bool net_frame_sums_hold(struct net_frame *f);

/* The Internet checksum (RFC 1071), network order. */
uint16_t net_checksum(const void *data, size_t len);

/* --- Counters ---------------------------------------------------------- */

/* Drops of one reason ("ipv4-ttl"): of a node, all its interfaces or one. */
uint64_t net_drops(struct net *n, int node, const char *reason);
uint64_t net_drops_if(
    struct net *n, int node, const char *ifname, const char *reason);

/* One of NETIF_RX_PACKETS .. NETIF_TX_BYTES, all workers. */
uint64_t net_counter(
    struct net *n, int node, const char *ifname, enum netif_counter c);

/* These drops are part of the test: net_check_clean() allows up to count. */
void net_allow_drops(
    struct net *n, int node, const char *reason, uint64_t count);

/*
 * Run until nothing is under way, then require that every packet is back in
 * its pool and every drop allowed.  Always allowed are the ends of ARP that is
 * not for us, and of answers to our echoes.
 */
void net_check_clean(struct net *n);

#endif /* TESTS_NET_HARNESS_H */
