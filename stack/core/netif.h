/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_NETIF_H
#define STACK_CORE_NETIF_H

/*
 * Network interfaces: the list, the index table, addresses, transmission.
 *
 * A packet, a route or a neighbour names an interface by its netif_id, a slot
 * in the low and a generation in the high 16 bits: a stored id never reaches
 * the wrong interface, and the one it named may be gone.  A pointer lives
 * until the end of the read section, or as long as a psref is held.
 *
 * What may run together ("-" yes, "X" the caller must prevent it; the control
 * mutex of the stack does so for the writers):
 *
 *                    attach/detach/set  lookup  output  read stats
 *   attach/detach/set       X             -       -        -
 *   lookup, output          -             -       -        -
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "stack/core/drop.h"
#include "stack/core/pkt.h"

struct netif;
struct nexthop_table;
struct percpu_counters;
struct stack;
struct worker;

#define NETIF_NAME_MAX 16 /* bytes, the final NUL included */
#define NETIF_MTU_MIN  68 /* RFC 791 */
#define NETIF_MTU_MAX  65535

enum netif_link {
	NETIF_LINK_ETHER = 1, /* frames with an Ethernet header */
	NETIF_LINK_IP = 2,    /* bare IP datagrams: the loop interface */
};

enum netif_flags {
	NETIF_UP = 1u << 0,      /* administratively up */
	NETIF_RUNNING = 1u << 1, /* the device has a carrier */
	NETIF_LOOPBACK = 1u << 2,
	NETIF_NOARP = 1u << 3, /* no neighbour resolution */
	NETIF_PROMISC = 1u << 4,
	NETIF_GONE = 1u << 5, /* its device vanished: stack_housekeep() */
};

/* Families that keep something per interface; afdata is indexed by these. */
enum netif_af {
	NETIF_AF_INET,
	NETIF_AF_INET6,
	NETIF_AF_COUNT
};

/* Counters kept per interface and worker, besides one per drop reason. */
enum netif_counter {
	NETIF_RX_PACKETS,
	NETIF_RX_BYTES,
	NETIF_TX_PACKETS,
	NETIF_TX_BYTES,
	NETIF_DROPS, /* first of DROP_REASON_COUNT */
	NETIF_COUNTER_COUNT = NETIF_DROPS + DROP_REASON_COUNT
};

/* What a driver gives; each runs as its comment says. */
struct netif_ops {
	/*
	 * Receive up to PKT_BATCH_MAX packets into b, which is empty, with
	 * pkt_alloc(w); sets data, len, flags.  Context: the worker that
	 * serves queue, in a read section; never sleeps.
	 */
	void (*poll)(struct netif *nif, unsigned int queue, struct worker *w,
	    struct pkt_batch *b);

	/*
	 * Send b on queue and free its packets; what does not fit is
	 * dropped as DROP_TX_FULL.  NETIF_TX_* count what was handed over:
	 * core has done so.  Context: worker whose id modulo nqueues is queue,
	 * in a read section; never sleeps.
	 */
	void (*transmit)(struct netif *nif, unsigned int queue,
	    struct worker *w, struct pkt_batch *b);

	/*
	 * Optional; a worker that serves a queue without it never sleeps, it
	 * yields.  The worker is about to sleep: ask for worker_wake() or
	 * for readiness of *fd (set to -1 if there is none).  Whatever makes
	 * worker_wake() see a sleeper happened before this call.
	 * Returns: true if packets wait already, so it must not sleep.
	 */
	bool (*arm)(
	    struct netif *nif, unsigned int queue, struct worker *w, int *fd);

	/*
	 * Optional: when, on the worker's clock (ns), poll will next have
	 * something by itself; UINT64_MAX for never.  Delayed wires.
	 */
	uint64_t (*next_event)(struct netif *nif, unsigned int queue);

	/*
	 * Optional: change the device; 0 or a negative errno that refuses.
	 * Context: control thread; may sleep.
	 */
	int (*set_mtu)(struct netif *nif, uint32_t mtu);
	int (*set_flags)(struct netif *nif, uint32_t flags);

	/*
	 * Free the driver's state.  Context: control thread without the
	 * control mutex; may sleep, and may call netif_set_running() of the
	 * other end's interface.  No worker can be in, or come back to, any
	 * of the above.
	 */
	void (*detach)(struct netif *nif);
};

/* How a driver describes a new interface. */
struct netif_config {
	const char *name;   /* "" or NULL: driver's name and a number */
	const char *driver; /* shown by psnetctl */
	enum netif_link link;
	uint32_t mtu;         /* bytes of IP datagram */
	uint8_t hwaddr[6];    /* Ethernet only; all zero: made up */
	uint32_t flags;       /* of NETIF_RUNNING|LOOPBACK|NOARP|PROMISC */
	unsigned int nqueues; /* 1 .. number of workers */
	const struct netif_ops *ops;
	void *softc; /* the driver's state */
};

/* One address of an interface; immutable once published. */
struct netif_addr {
	struct pslist_entry link; /* [w] on netif->addrs */
	struct pserialize_head retire;
	enum netif_af af;     /* [c] */
	uint8_t plen;         /* [c] prefix length, bits */
	uint8_t addr[16];     /* [c] network order; IPv4 in 0..3 */
	uint8_t broadcast[4]; /* [c] IPv4; 0: none */
};

/*
 * [c] constant once attached  [a] atomic  [w] the stack's control mutex
 */
struct netif {
	netif_id id;                      /* [c] */
	enum netif_link link;             /* [c] */
	SYNC_ATOMIC(uint32_t) flags;      /* [a] enum netif_flags */
	SYNC_ATOMIC(uint32_t) mtu;        /* [a] bytes */
	SYNC_ATOMIC(uint32_t) mark;       /* [a] of what comes in; 0: none */
	uint8_t hwaddr[6];                /* [c] */
	unsigned int nqueues;             /* [c] */
	const struct netif_ops *ops;      /* [c] */
	void *softc;                      /* [c] the driver's */
	struct stack *stack;              /* [c] */
	struct percpu_counters *counters; /* [c] a shard per worker */
	struct netif_txq **txq;           /* [c] collected frames, per worker */
	/* What a family keeps for this interface: its neighbours. */
	SYNC_ATOMIC(struct nexthop_table *)
	neighbours[NETIF_AF_COUNT]; /* [a] */

	struct pslist_head addrs;    /* [w] readers walk it */
	struct pslist_entry on_list; /* [w] readers walk it */
	struct psref_target target;  /* [w] */
	char name[NETIF_NAME_MAX];   /* [c] */
	char driver[NETIF_NAME_MAX]; /* [c] */
};

/*
 * Attach an interface: name it, index it, tell the protocols, let the workers
 * poll it.  It starts administratively down.
 * Context: control thread without the control mutex; may sleep.
 * Owner:   the stack owns the interface; on success softc is freed by
 *          ops->detach, on failure it is still the caller's.
 * Returns: 0, -EEXIST (name taken), -EINVAL (name, MTU, queues), -ENOSPC (65535
 *          interfaces), -ENOMEM.
 */
int netif_attach(
    struct stack *st, const struct netif_config *cfg, netif_id *out);

/*
 * Detach an interface in this order: no new lookup finds it; its workers stop
 * polling it; readers leave; protocols forget its addresses, routes,
 * neighbours and timers; queued packets meet a stale id and are dropped as
 * DROP_NETIF_GONE; references drain; the driver frees its state.
 * Context: control thread without the control mutex; sleeps.
 * Returns: 0 or -ENODEV.
 */
int netif_detach(struct stack *st, netif_id id);

/*
 * The interface that id names.
 * Context: reader section; never sleeps; wait-free.
 * Owner:   lives until the section ends, longer with netif_acquire().
 * Returns: NULL if it is gone.
 */
struct netif *netif_lookup(struct stack *st, netif_id id);

/*
 * Is there an interface of this id?  It stays as long as the mutex is held.
 * Context: control thread holding the control mutex; never sleeps.
 */
bool netif_present(struct stack *st, netif_id id);

/* The interface of this name; else as netif_lookup(). */
struct netif *netif_lookup_name(struct stack *st, const char *name);

/*
 * The first interface, and the one after nif, in order of attachment.
 * Context: reader section, or control thread under the control mutex.
 * Returns: NULL at the end.
 */
struct netif *netif_first(struct stack *st);
struct netif *netif_next(struct stack *st, struct netif *nif);

/*
 * Keep nif beyond the read section: netif_detach() waits for the release.
 * Context: reader section to acquire, any to release; the same thread.
 */
void netif_acquire(struct netif *nif, struct psref *ref);
void netif_release(struct netif *nif, struct psref *ref);

/* Is nif up and running?  Context: reader section; never sleeps. */
static inline bool
netif_usable(const struct netif *nif)
{
	/* relaxed: a packet may see the state of a moment ago. */
	const uint32_t f = sync_load_relaxed(&nif->flags);

	return (f & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING);
}

/*
 * Set and clear administrative flags (NETIF_UP, NETIF_PROMISC, NETIF_NOARP).
 * Context: control thread without the control mutex; may sleep.
 * Returns: 0, -ENODEV, -EINVAL (another flag), or what the driver answered.
 */
int netif_set_flags(
    struct stack *st, netif_id id, uint32_t set, uint32_t clear);

/*
 * Change the MTU, in bytes of IP datagram.
 * Context: control thread without the control mutex; may sleep.
 * Returns: 0, -ENODEV, -EINVAL (out of NETIF_MTU_MIN.._MAX or more than a
 *          packet holds), or what the driver answered.
 */
int netif_set_mtu(struct stack *st, netif_id id, uint32_t mtu);

/*
 * Mark the packets that come in from now on, for policy rules; 0: do not.
 * Context: control thread without the control mutex; may sleep.
 * Returns: 0 or -ENODEV.
 */
int netif_set_mark(struct stack *st, netif_id id, uint32_t mark);

/*
 * For drivers: the carrier came or went.
 * Context: any thread but not in a read section, without the control mutex.
 */
void netif_set_running(struct stack *st, netif_id id, bool running);

/*
 * For drivers: the device vanished under us.  The interface stops at once and
 * is detached by the next stack_housekeep() on a control thread.
 * Context: any thread, also a worker in a read section; never sleeps.
 */
void netif_device_gone(struct netif *nif);

/*
 * Append one complete frame to what w will transmit on nif; sent when
 * PKT_BATCH_MAX are collected or the turn ends.  Drops when nif is not usable.
 * Context: worker in a read section; never sleeps; wait-free.
 * Owner:   the interface owns p.
 */
void netif_output(struct worker *w, struct netif *nif, struct pkt *p);

/*
 * Receive: count the batch, stamp rx_if, and hand it to the protocol of nif's
 * link.  The worker calls it after ops->poll.
 * Context: worker in a read section; never sleeps.
 * Owner:   the protocols own the packets; the batch is empty afterwards.
 */
void netif_input(struct worker *w, struct netif *nif, struct pkt_batch *b);

/*
 * Publish an address, and remove one, and tell the protocols (ADDR).  These
 * keep the list only: routes are the protocol's business (ipv4_addr_add()).
 * Context: control thread holding the control mutex; may sleep (in a hook).
 * Owner:   the list owns *a, from malloc(); removal retires and frees it.
 */
void netif_addr_publish(struct netif *nif, struct netif_addr *a);
void netif_addr_retire(struct netif *nif, struct netif_addr *a);

/*
 * Walk the addresses of one family: first, next.
 * Context: reader section or under the control mutex.
 * Returns: NULL at the end.
 */
const struct netif_addr *netif_addr_first(
    const struct netif *nif, enum netif_af af);
const struct netif_addr *netif_addr_next(const struct netif_addr *a);

/*
 * Add n to counter c (enum netif_counter, or NETIF_DROPS + reason).
 * Context: worker w in a read section; never sleeps.
 */
void netif_count(
    struct worker *w, struct netif *nif, unsigned int c, uint64_t n);

/*
 * Read a counter: of one worker, or of all (worker = UINT_MAX).
 * Context: reader section or reference held; never sleeps.
 */
uint64_t netif_counter_read(
    const struct netif *nif, unsigned int worker, unsigned int c);

/*
 * Drops that belong to no interface: those of packets whose interface is gone.
 * Context: any thread; never sleeps.
 */
uint64_t netif_orphan_drops(
    struct stack *st, unsigned int worker, enum drop_reason reason);

#endif /* STACK_CORE_NETIF_H */
