/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_ARP_ARP_IMPL_H
#define STACK_PROTO_ARP_ARP_IMPL_H

/* What the files of this folder share. */

#include <sys/queue.h>

#include "stack/nexthop/neigh.h"
#include "stack/proto/arp/arp.h"

#define ARP_OP_REQUEST 1
#define ARP_OP_REPLY   2

/* Wire format for Ethernet and IPv4, RFC 826; fields network order. */
struct arp_pkt {
	uint16_t htype;
	uint16_t ptype;
	uint8_t hlen;
	uint8_t plen;
	uint16_t op;
	uint8_t sha[6]; /* sender */
	uint32_t spa;
	uint8_t tha[6]; /* target */
	uint32_t tpa;
} __attribute__((__packed__, __may_alias__));

struct arp_claim_entry;

/* [c] constant  [o] the interface's owner worker: nexthop_owner() */
struct arp_netif {
	struct netif *nif;                   /* [c] */
	LIST_HEAD(, arp_claim_entry) claims; /* [o] */
};

/* What to say, about spa at our own hardware address; network order. */
struct arp_say {
	uint16_t op; /* host order */
	uint32_t spa;
	uint32_t tpa;
	const uint8_t *tha;   /* NULL: not known, zero on the wire */
	const uint8_t *l2dst; /* NULL: everybody */
};

/*
 * Send one ARP packet from nif.
 * Context: worker in a read section; never sleeps.
 */
void arp_send(struct worker *w, struct netif *nif, const struct arp_say *say);

/*
 * The station sha used addr as its own; probe: it only asked whether it may.
 * Context: owner worker in a read section; never sleeps.
 */
void arp_claim_met(struct worker *w, struct arp_netif *an, uint32_t addr,
    const uint8_t *sha, bool probe);

/*
 * Begin, end all claims of an interface that came up, went down.
 * Context: worker_call() to the owner; arg is the struct arp_netif.
 */
int arp_claim_up(struct worker *w, void *arg);
int arp_claim_down(struct worker *w, void *arg);

/* Free the claims.  Context: control thread, the owner knows them no more. */
void arp_claim_free(struct arp_netif *an);

#endif /* STACK_PROTO_ARP_ARP_IMPL_H */
