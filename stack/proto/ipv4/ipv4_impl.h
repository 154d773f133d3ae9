/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_IPV4_IPV4_IMPL_H
#define STACK_PROTO_IPV4_IPV4_IMPL_H

/* Shared by the files of this folder only. */

#include <arpa/inet.h>

#include "libsync/base/atomic.h"
#include "stack/core/stack.h"
#include "stack/nexthop/resolve.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/rule.h"

#define IPV4_ID_SLOTS 256

#define IPV4_PROTO_TCP 6
#define IPV4_PROTO_UDP 17

struct ipv4_reass;

/* [o] its worker only */
struct ipv4_worker {
	struct ipv4_reass *reass;          /* [o] */
	struct nexthop_group_marks *marks; /* [o] */
	struct route_flowcache *flows;     /* [o] */
	uint16_t next_id[IPV4_ID_SLOTS];   /* [o] */
};

/* [c] constant  [a] atomic  [w] the stack's control mutex */
struct ipv4 {
	struct stack *stack;           /* [c] */
	struct route_tables *tables;   /* [c] */
	struct nexthop_groups *groups; /* [c] */
	uint32_t seed;                 /* [c] of hashes */
	unsigned int nworkers;         /* [c] */
	bool prefsrc_used;             /* [w] a configured route ever had one */
	SYNC_ATOMIC(uint32_t) option[IPV4_OPT_COUNT]; /* [a] */
	struct ipv4_worker *worker[];                 /* [c] one each */
};

/* The state of st's IPv4; NULL without.  Context: control or reader section. */
struct ipv4 *ipv4_of(struct stack *st);

/* A switch.  Context: any thread. */
static inline uint32_t
ipv4_option(const struct ipv4 *ip, enum ipv4_option opt)
{
	/* relaxed: a packet may see the setting of a moment ago. */
	return sync_load_relaxed(&ip->option[opt]);
}

/* Is a inside net/plen?  Host order. */
static inline bool
ipv4_within(uint32_t a, uint32_t net, unsigned int plen)
{
	return plen == 0 || ((a ^ net) >> (32 - plen)) == 0;
}

static inline uint32_t
ipv4_mask(unsigned int plen)
{
	return plen == 0 ? 0 : UINT32_MAX << (32 - plen);
}

/* Can a, host order, be the address of one host at all (RFC 1122 3.2.1.3)? */
static inline bool
ipv4_unicast(uint32_t a)
{
	return a >> 24 != 0 && a >> 28 < 0xe;
}

static inline bool
ipv4_loopback(uint32_t a)
{
	return a >> 24 == 127;
}

static inline uint32_t
ipv4_get(const uint8_t *bytes)
{
	uint32_t v;

	__builtin_memcpy(&v, bytes, sizeof(v));
	return v;
}

static inline void
ipv4_put(uint8_t *bytes, uint32_t v)
{
	__builtin_memcpy(bytes, &v, sizeof(v));
}

/*
 * What the table of interface id knows of addr, whatever the rules say.
 * Context: reader section.  Returns: NULL if there is no route.
 */
static inline const struct route *
ipv4_lookup(const struct ipv4 *ip, netif_id id, uint32_t addr)
{
	return route_rule_lookup_in(ip->tables, route_tables_of(ip->tables, id),
	    (const uint8_t *)&addr, NULL);
}

/*
 * txns.c: edits of several tables, which end together: all commit if error is
 * 0 and there is memory, else all abort.  Context: as route_txn_begin().
 * Returns: end: error, or that of the commit.
 */
struct ipv4_txns {
	struct route_txn **txn;
	size_t n, room;
};

int ipv4_txns_begin(
    struct ipv4_txns *xs, struct route_table *t, struct route_txn **out);
int ipv4_txns_end(struct ipv4_txns *xs, int error);

/* input.c */

/* A datagram of ours to ourselves, in a packet's message. */
void ipv4_input_looped(struct worker *w, struct worker_msg *msg);
void ipv4_input(void *state, struct worker *w, struct pkt_batch *in);

/* options.c */

/* Where the options that matter are: bytes from the header's start; 0: none. */
struct ipv4_options {
	uint8_t source_route, record_route, timestamp;
};

/*
 * Check the options of a header of hlen bytes (RFC 791 section 3.1).
 * Returns: 0, or the offset of the byte at fault for a parameter problem.
 */
unsigned int ipv4_options_parse(
    const uint8_t *hdr, unsigned int hlen, struct ipv4_options *out);

/*
 * Enter addr (network order) and the time into record route and timestamp
 * options that parsed well, and correct the header's checksum.
 */
void ipv4_options_update(struct ipv4 *ip, uint8_t *hdr,
    const struct ipv4_options *o, uint32_t addr, uint64_t now);

/* The options that every fragment carries; returns hdr's new length. */
unsigned int ipv4_options_copy(
    uint8_t *to, const uint8_t *hdr, unsigned int hlen);

/* forward.c */

/* Forward p along r, which is not local.  Owner: takes p. */
void ipv4_forward(struct ipv4 *ip, struct worker *w, struct pkt *p,
    const struct route *r, const struct ipv4_options *o);

/* Forward a directed broadcast, and keep a copy for us in local. */
void ipv4_forward_broadcast(struct ipv4 *ip, struct worker *w, struct pkt *p,
    const struct route *r, const struct ipv4_options *o,
    struct pkt_batch *local);

/* local.c */

/* Give validated datagrams, data at the header, to their protocols. */
void ipv4_local_deliver(struct ipv4 *ip, struct worker *w, struct pkt_batch *b);

/* reass.c */

int ipv4_reass_create(struct ipv4_reass **out);
void ipv4_reass_destroy(struct ipv4_reass *re);

/*
 * Add a fragment.  Context: the worker of re, in a read section.
 * Owner:   takes p; the caller owns the result.
 * Returns: the datagram that p completed, data at the header; or NULL.
 */
struct pkt *ipv4_reass_input(
    struct ipv4_reass *re, struct worker *w, struct pkt *p);

/* Forget what came in by interface id; 0: everything.  Context: as above. */
void ipv4_reass_flush(struct ipv4_reass *re, struct worker *w, netif_id id);

/* output.c */

/*
 * Send p, data at its finished header, to p->nexthop (a group address: as an
 * L2 group) on nif, in fragments if need be.  s (may be NULL) is the slot that
 * it goes by.  Owner: takes p.
 */
void ipv4_output_nif(struct worker *w, struct netif *nif,
    const struct nexthop_slot *s, struct pkt *p);

/*
 * Where p goes by r; NULL: nowhere usable.  Asks for p's flow if it matters.
 * Context: worker in a read section.
 */
const struct nexthop_slot *ipv4_resolve(struct ipv4 *ip, const struct worker *w,
    const struct route *r, struct pkt *p);

/* Where w marks what it uses, with the time set. */
static inline struct nexthop_group_marks *
ipv4_marks(struct ipv4 *ip, const struct worker *w)
{
	struct nexthop_group_marks *m = ip->worker[w->id]->marks;

	m->tick = nexthop_group_tick(w->now);
	return m;
}

/* The neighbour for dst (network order) by s; dst itself on the link. */
static inline uint32_t
ipv4_neighbour(const struct nexthop_slot *s, uint32_t dst)
{
	return s->kind == NEXTHOP_VIA ? ipv4_get(s->gateway) : dst;
}

/* frag.c */

/* Cut p into pieces of at most mtu bytes and emit() each.  Owner: takes p. */
void ipv4_frag(struct worker *w, struct netif *nif, struct pkt *p, uint32_t mtu,
    void (*emit)(struct worker *w, struct netif *nif, struct pkt *p));

/* flow.c */

/* Hash of two addresses and a word. */
uint32_t ipv4_flow_mix(
    const struct ipv4 *ip, uint32_t src, uint32_t dst, uint32_t word);

/*
 * The flow of a datagram: addresses, protocol, and the ports of TCP and UDP
 * unless it is a fragment.  Never 0.
 */
uint32_t ipv4_flow_hash(const struct ipv4 *ip, const struct pkt *p);

/* addr.c */

/* Control thread, control mutex held: nif goes, and all that follows from it. */
void ipv4_addr_detach(struct ipv4 *ip, struct netif *nif);

/*
 * Is gateway (network order) on a network of one of nif's addresses?
 * Context: reader section or control mutex.
 */
bool ipv4_addr_on_link(const struct netif *nif, uint32_t gateway);

/* The first address of nif, network order; 0: none.  Context: as above. */
uint32_t ipv4_addr_primary(const struct netif *nif, uint32_t neighbour);

#endif /* STACK_PROTO_IPV4_IPV4_IMPL_H */
