/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_PKT_H
#define STACK_CORE_PKT_H

/*
 * Packets: two cache lines of metadata and one linear buffer with headroom.
 *
 * Every packet belongs to the pool of one worker; all pools of a stack lie in
 * one arena.  A packet has one owner at a time: the stage that holds it.  Any
 * worker of the stack may free it; a worker that is not the pool's returns it
 * in batches through the pool's mailbox.  The data path never allocates
 * memory: an empty pool is a drop (DROP_NO_BUFFER).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/atomic.h"
#include "libsync/lfqueue/mpsc.h"
#include "stack/core/drop.h"

struct worker;
struct pkt_pool;

/* A reference to an interface that may be stored: 0 names none (netif.h). */
typedef uint32_t netif_id;

#define PKT_BATCH_MAX 64

/* Bytes in front of a received frame: room for the longest L2 rewrite. */
#define PKT_HEADROOM 128

/* Bytes from the headroom on: a 1518-byte frame with two VLAN tags, rounded. */
#define PKT_ROOM 2048
/* The same for a jumbo packet: the largest IPv4 datagram and its headers. */
#define PKT_ROOM_JUMBO (65536 + 256)

enum pkt_flags {
	PKT_L2_BROADCAST = 1u << 0, /* came as an L2 broadcast */
	PKT_L2_MULTICAST = 1u << 1, /* came as an L2 multicast */
	PKT_LOCAL_ORIGIN = 1u << 2, /* made by this stack, not received */
	PKT_FORWARDED = 1u << 3,    /* received, and being forwarded */
	PKT_LOOPED = 1u << 4,       /* came back through the loop interface */
};

/*
 * A message to a worker; embed it, or use the one inside a packet.  fn runs
 * once, on that worker, inside a read section, and then owns the message.
 */
struct worker_msg {
	struct lfqueue_mpsc_node node;
	void (*fn)(struct worker *w, struct worker_msg *msg);
};

/* [c] constant  [h] holder only: all others hand a packet on, never share it */
struct pkt {
	uint8_t *data;   /* [h] first byte of the outermost header not yet */
			 /*     stripped, or of the payload */
	uint32_t len;    /* [h] bytes from data on */
	uint32_t flags;  /* [h] enum pkt_flags */
	uint32_t hash;   /* [h] flow hash, 0: not computed */
	netif_id rx_if;  /* [h] where it came in; 0: made here */
	netif_id tx_if;  /* [h] where it is to leave */
	uint16_t l3_len; /* [h] IPv4 header bytes, once validated */
	uint16_t proto;  /* [h] key of the protocol that gets it next */
	union {
		uint8_t bytes[16];
		uint32_t ipv4; /* network order */
	} nexthop;             /* [h] address to resolve on tx_if */
	uint64_t rx_time;      /* [h] worker's clock at reception, ns */
	uint8_t *l3;           /* [h] network header, once validated */

	/* Second line: ownership, queueing. */
	struct worker_msg msg; /* [h] to send the packet to a worker */
	struct pkt *next;      /* [h] hold queues, free lists */
	struct pkt_pool *pool; /* [c] where it returns to */
	uint8_t *buf;          /* [c] start of the buffer (headroom) */
	uint32_t room;         /* [c] bytes from buf on, headroom included */
	uint32_t check;        /* [h] free or held; checked builds test it */
	uint32_t mark;         /* [h] of policy rules; 0: none */
} __attribute__((__aligned__(SYNC_CACHELINE)));

_Static_assert(
    sizeof(struct pkt) == (size_t)2 * SYNC_CACHELINE, "two cache lines");

/* Up to PKT_BATCH_MAX packets on their way through the same stage. */
struct pkt_batch {
	unsigned int n;
	struct pkt *pkt[PKT_BATCH_MAX];
};

/*
 * Take a packet from the worker's pool: data at PKT_HEADROOM, len 0, no flags,
 * rx_time the worker's clock, everything else zero.
 * Context: the worker; never sleeps; wait-free.
 * Owner:   the caller owns the packet.
 * Returns: NULL when the pool is empty; the caller counts DROP_NO_BUFFER.
 */
struct pkt *pkt_alloc(struct worker *w);

/*
 * The same from the worker's few jumbo packets (PKT_ROOM_JUMBO bytes).
 * Context: the worker; never sleeps; wait-free.
 * Owner:   the caller owns the packet.
 * Returns: NULL when none is left.
 */
struct pkt *pkt_alloc_jumbo(struct worker *w);

/*
 * Give a packet back to its pool, whichever worker's it is.
 * Context: a worker of the same stack; never sleeps; wait-free.
 * Owner:   the pool owns p.
 */
void pkt_free(struct worker *w, struct pkt *p);

/*
 * Count a drop for worker w and interface id, and free the packet.  id is
 * normally p->rx_if, or p->tx_if once an output interface was chosen; 0 or an
 * interface that is gone counts under "no interface".
 * Context: a worker of the packet's stack, in a read section; never sleeps.
 * Owner:   the pool owns p.
 */
void pkt_drop(
    struct worker *w, struct pkt *p, netif_id id, enum drop_reason reason);

/* pkt_drop() for each packet of a batch, which is empty afterwards. */
void pkt_drop_batch(struct worker *w, struct pkt_batch *b, netif_id id,
    enum drop_reason reason);

/*
 * Copy the bytes and the rx_/flag metadata of p into a new packet.
 * Context: the worker; never sleeps.
 * Owner:   the caller owns both.
 * Returns: NULL when the pool is empty or p is longer than PKT_ROOM.
 */
struct pkt *pkt_copy(struct worker *w, const struct pkt *p);

/* Bytes free in front of data. */
static inline size_t
pkt_headroom(const struct pkt *p)
{
	return (size_t)(p->data - p->buf);
}

/* Bytes free behind the last byte. */
static inline size_t
pkt_tailroom(const struct pkt *p)
{
	return p->room - pkt_headroom(p) - p->len;
}

/* Append p; the batch must not be full. */
static inline void
pkt_batch_add(struct pkt_batch *b, struct pkt *p)
{
	b->pkt[b->n++] = p;
}

#endif /* STACK_CORE_PKT_H */
