/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_ETHER_ETHER_H
#define STACK_PROTO_ETHER_ETHER_H

/*
 * Ethernet II framing (RFC 894): checks the header, strips it, and gives each
 * run of equal EtherTypes to its protocol.
 */

#include <stdbool.h>
#include <stdint.h>

#include "stack/core/proto.h"

struct netif;
struct pkt;
struct worker;

#define ETHER_ADDR_LEN  6
#define ETHER_HDR_LEN   14
#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_ARP  0x0806
#define ETHER_TYPE_IPV6 0x86dd

/* The plug-in: carrier PROTO_CARRIER_LINK, number NETIF_LINK_ETHER. */
extern const struct proto proto_ether;

extern const uint8_t ether_broadcast[ETHER_ADDR_LEN];

/*
 * Prepend a header from nif to dst and transmit.
 * Context: worker in a read section; never sleeps.
 * Owner:   takes p.
 */
void ether_output(struct worker *w, struct netif *nif, const uint8_t *dst,
    uint16_t type, struct pkt *p);

/* A group (broadcast or multicast) address?  Context: any thread. */
static inline bool
ether_is_group(const uint8_t *a)
{
	return (a[0] & 1) != 0;
}

#endif /* STACK_PROTO_ETHER_ETHER_H */
