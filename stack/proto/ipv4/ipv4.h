/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_IPV4_IPV4_H
#define STACK_PROTO_IPV4_IPV4_H

/*
 * IPv4 host and router (RFC 791, RFC 1122 section 3, RFC 1812).
 *
 * Input validates a batch, looks each destination up in the routing table and
 * delivers locally, forwards, or drops under a name.  Whether an address is
 * ours is decided by the table alone, so an address appears and disappears
 * with one commit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/netif.h"
#include "stack/core/proto.h"
#include "stack/route/flowcache.h"
#include "stack/route/rule.h"
#include "stack/route/table.h"

struct pkt;
struct stack;
struct worker;

#define IPV4_HDR_MIN 20
#define IPV4_HDR_MAX 60

/* Wire format, RFC 791 section 3.1; unaligned-safe, fields network order. */
struct ipv4_hdr {
	uint8_t ver_ihl;
	uint8_t tos;
	uint16_t total_len;
	uint16_t id;
	uint16_t frag_off; /* IPV4_DF, IPV4_MF, offset in 8 bytes */
	uint8_t ttl;
	uint8_t proto;
	uint16_t checksum;
	uint32_t src;
	uint32_t dst;
} __attribute__((__packed__, __may_alias__));

#define IPV4_DF       0x4000
#define IPV4_MF       0x2000
#define IPV4_OFF_MASK 0x1fff

/* The plug-ins: EtherType 0x0800, and bare datagrams of the loop device. */
extern const struct proto proto_ipv4;
extern const struct proto proto_ipv4_link;

/* Switches of one stack; RFC 1812 names the defaults. */
enum ipv4_option {
	IPV4_OPT_FORWARDING,          /* 0: be a host (default 0) */
	IPV4_OPT_DEFAULT_TTL,         /* 1..255 (64) */
	IPV4_OPT_DIRECTED_BROADCAST,  /* forward them (0), RFC 2644 */
	IPV4_OPT_SEND_REDIRECTS,      /* (0) */
	IPV4_OPT_ICMP_RATE,           /* errors/s per type, 0: any (1000) */
	IPV4_OPT_ICMP_DST_RATE,       /* and per destination, 0: any (10) */
	IPV4_OPT_ICMP_ECHO_BROADCAST, /* answer echo to broadcast (0) */
	IPV4_OPT_ADDRESS_PROBE,       /* for new ones, RFC 5227 2.1 (0) */
	IPV4_OPT_FLOW_CACHE,          /* enum route_flowcache_mode (0) */
	IPV4_OPT_COUNT
};

/*
 * Set and get a switch.
 * Context: control thread, or a reader section; never sleeps.
 * Returns: 0 or -EINVAL (unknown or out of range); -EAFNOSUPPORT if the stack
 *          has no IPv4.
 */
int ipv4_option_set(struct stack *st, enum ipv4_option opt, uint32_t value);
int ipv4_option_get(struct stack *st, enum ipv4_option opt, uint32_t *out);
const char *ipv4_option_name(enum ipv4_option opt); /* "forwarding" */

/* May the switch have this value?  Context: any thread; never sleeps. */
bool ipv4_option_valid(enum ipv4_option opt, uint32_t value);

/* The main routing table, and all.  NULL without IPv4.  Any thread. */
struct route_table *ipv4_routes(struct stack *st);
struct route_tables *ipv4_tables(struct stack *st);

/*
 * A counter of a worker's flow cache (IPV4_OPT_FLOW_CACHE).
 * Context: control thread, or a reader section; never sleeps.
 */
uint64_t ipv4_flowcache_counter_read(struct stack *st, unsigned int worker,
    enum route_flowcache_counter counter);

/*
 * Give an interface a routing table of its own (0: the main one again).  What
 * comes in on it, and what answers that, sees this table and those that its
 * routes and the rules name, but not the main one.
 * Context: control thread without the control mutex; may sleep.
 * Returns: 0, -ENODEV, -EBUSY (it has addresses), -EINVAL or -ENOMEM.
 */
int ipv4_netif_table_set(struct stack *st, netif_id id, uint32_t number);

/*
 * Policy rules, as route_rule_add() and its like.
 * Context: control thread without the control mutex; may sleep.
 * Returns: also -ENODEV (no such interface) and -EAFNOSUPPORT.
 */
int ipv4_rule_add(struct stack *st, const struct route_rule *rule);
int ipv4_rule_remove(struct stack *st, const struct route_rule *like);
int ipv4_rule_remove_exact(struct stack *st, const struct route_rule *rule);

/*
 * Give an interface an address: the local, the connected and the broadcast
 * route, and the address itself, appear in one commit, so that no packet to it
 * is looped or forwarded in between.  Then it is announced by ARP, or probed
 * for first (IPV4_OPT_ADDRESS_PROBE).
 * addr in network order; plen 0..32.
 * Context: control thread without the control mutex; may sleep.
 * Returns: 0, -ENODEV, -EEXIST (this interface has it), -EADDRINUSE (another
 *          has), -EADDRNOTAVAIL (not a unicast address), -EINVAL, -ENOMEM;
 *          nothing changed then.
 */
int ipv4_addr_add(
    struct stack *st, netif_id id, uint32_t addr, unsigned int plen);

/*
 * Take it away: routes first, in one commit, then neighbours and the claim.
 * Routes via gateways in a prefix that is no longer connected go with it.
 * Context: as ipv4_addr_add().
 * Returns: 0, -ENODEV or -EADDRNOTAVAIL.
 */
int ipv4_addr_remove(
    struct stack *st, netif_id id, uint32_t addr, unsigned int plen);

/*
 * Add, replace or change a configured route: as route_table_add(), and each
 * gateway must be on a connected network of its interface; a next hop with
 * netif 0 gets the interface from its gateway.
 * Context: control thread without the control mutex; may sleep.
 * Returns: also -ENETUNREACH (gateway not on a link), -ENODEV, -EPERM
 *          (protocol kernel: that of the routes that follow from addresses).
 */
int ipv4_route_add(
    struct stack *st, const struct route_config *cfg, enum route_mode mode);

/*
 * Remove the best candidate of a prefix in the main table, or in that with a
 * number, that does not follow from an address and that agrees() is true for.
 * Context: as ipv4_route_add().
 * Returns: 0, -ENOENT (ESRCH of iproute2), or -EPERM if only routes that
 *          follow from addresses agree.
 */
int ipv4_route_remove(
    struct stack *st, const uint8_t *prefix, unsigned int plen);
int ipv4_route_remove_if(struct stack *st, uint32_t table,
    const uint8_t *prefix, unsigned int plen,
    bool (*agrees)(void *arg, const struct route *r), void *arg);

/*
 * Add n routes in one commit: all or nothing.  On failure *failed is the index
 * of the route at fault.  progress (may be NULL) is called now and then.
 * Context and returns: as ipv4_route_add().
 */
int ipv4_route_load(struct stack *st, const struct route_config *cfg, size_t n,
    enum route_mode mode, void (*progress)(void *arg, size_t done),
    void *progress_arg, size_t *failed);

/* What routes are all of. */
struct ipv4_route_whole {
	uint32_t table; /* 0: the main one */
	uint8_t protocol;
};

/*
 * Make the n routes all that a table has of a protocol, in one commit:
 * add or replace them, and take its others away, *removed in number.  No
 * address that is covered before and after is without a route between.
 * Context: as ipv4_route_add().
 * Returns: also -EINVAL (a route of another protocol or table), -EPERM
 *          (protocol kernel).
 */
int ipv4_route_load_whole(struct stack *st, const struct ipv4_route_whole *of,
    const struct route_config *cfg, size_t n,
    void (*progress)(void *arg, size_t done), void *progress_arg,
    size_t *failed, size_t *removed);

/*
 * Send a datagram of this stack.  data points at the payload; the header is
 * prepended here, its length, id and checksum filled in, the datagram cut into
 * fragments when it exceeds the MTU.  src 0: chosen (RFC 1122 3.3.4.3).
 * ttl 0: the default.  Addresses in network order.  p->rx_if is where what it
 * answers came in, whose routing table is used; 0: it answers nothing.
 * Context: worker in a read section; never sleeps.
 * Owner:   takes p, which may be a jumbo.
 */
void ipv4_output(struct worker *w, struct pkt *p, uint32_t src, uint32_t dst,
    uint8_t proto, uint8_t tos, uint8_t ttl, bool df);

/*
 * The hash by which a packet chooses among next hops, if its device computed
 * none; here: it is made here, and its ports do not count.  Addresses in
 * network order, ports in host order.
 * Context: any thread; never sleeps.
 * Returns: 0 without IPv4.
 */
struct ipv4_flow {
	uint32_t src, dst;
	uint16_t sport, dport; /* of TCP and UDP; else 0 */
	uint8_t proto;
	bool here;
};
uint32_t ipv4_flow_of(struct stack *st, const struct ipv4_flow *f);

/*
 * The address this stack would send from to reach dst, network order; the other
 * one in answer to what came in on interface id.
 * Context: reader section; never sleeps.
 * Returns: 0 if there is none.
 */
uint32_t ipv4_source(struct stack *st, uint32_t dst);
uint32_t ipv4_source_on(struct stack *st, netif_id id, uint32_t dst);

/*
 * Is addr (network order) one of this stack's; in the main table's world, or in
 * that of interface id?  Context: reader section.
 */
bool ipv4_is_local(struct stack *st, uint32_t addr);
bool ipv4_is_local_on(struct stack *st, netif_id id, uint32_t addr);

#endif /* STACK_PROTO_IPV4_IPV4_H */
