/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_ARP_ARP_H
#define STACK_PROTO_ARP_ARP_H

/*
 * ARP for IPv4 over Ethernet (RFC 826, RFC 1122 2.3.2), with address conflict
 * detection (RFC 5227).  It owns no table: neighbours live in
 * stack/nexthop/neigh.h, whose resolver this is.
 */

#include <stdint.h>

#include "stack/core/netif.h"
#include "stack/core/proto.h"

struct stack;

/* The plug-in: carrier PROTO_CARRIER_ETHER, number ETHER_TYPE_ARP. */
extern const struct proto proto_arp;

/* What is known of one of our addresses (RFC 5227 section 2). */
enum arp_claim_state {
	ARP_CLAIM_NONE,      /* not one of ours, or ACD is off */
	ARP_CLAIM_PROBING,   /* three probes, 2.1.1 */
	ARP_CLAIM_ANNOUNCED, /* won; two announcements, 2.3 */
	ARP_CLAIM_DEFENDED,  /* met a conflict and defended, 2.4 (b) */
	ARP_CLAIM_CONFLICT,  /* somebody else holds it */
};

/*
 * Announce addr (network order) on an interface: gratuitous ARP, and from then
 * on defend it.  With probe, probe first (RFC 5227 2.1): the address is used
 * meanwhile, a conflict is logged as an event and shown by arp_claim().  The
 * event is EVENT_ADDR, EVENT_CHANGE: addr, the claim's state, and hwaddr of the
 * other station.  On an interface that is down it begins when that comes up.
 * Context: control thread, not in a read section; sleeps (asks the owner).
 * Returns: 0, -ENODEV, -EAFNOSUPPORT on an interface without ARP, -ENOMEM.
 */
int arp_claim_add(struct stack *st, netif_id id, uint32_t addr, bool probe);

/* A claim that is ready to begin. */
struct arp_claim_entry;

/*
 * The same in two steps, for who must know that there is memory before it
 * gives the interface the address.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller, until arp_claim_begin() or arp_claim_destroy().
 * Returns: NULL without memory.
 */
struct arp_claim_entry *arp_claim_create(uint32_t addr, bool probe);

/* Free what did not begin; NULL is nothing.  Context: control thread. */
void arp_claim_destroy(struct arp_claim_entry *c);

/*
 * Announce and defend the address of c on an interface.
 * Context: as arp_claim_add(); allocates nothing.
 * Owner:   takes c, whatever it returns.
 * Returns: as arp_claim_add(), but never -ENOMEM.
 */
int arp_claim_begin(struct stack *st, netif_id id, struct arp_claim_entry *c);

/* Stop defending addr.  Context and returns: as arp_claim_add(), -ENOENT. */
int arp_claim_remove(struct stack *st, netif_id id, uint32_t addr);

/* The claim's state.  Context: as arp_claim_add(). */
enum arp_claim_state arp_claim(struct stack *st, netif_id id, uint32_t addr);

struct nexthop_params;

/*
 * Change the bounds used for interfaces attached from now on.
 * Context: control thread without the control mutex.
 */
void arp_set_params(struct stack *st, const struct nexthop_params *p);

#endif /* STACK_PROTO_ARP_ARP_H */
