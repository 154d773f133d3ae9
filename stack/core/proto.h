/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_PROTO_H
#define STACK_CORE_PROTO_H

/*
 * The shape of a protocol, and the dispatch table that finds it.
 *
 * A protocol is data: one constant struct proto.  stack_create() gets them in
 * a table; they can also be added and removed while packets flow.  The
 * dispatch table is immutable: a change makes a new one, publishes it, and
 * retires the old one after a grace period.
 */

#include <stdint.h>

#include "stack/core/pkt.h"

struct netif;
struct stack;

/* Who carries a protocol; with number it is the dispatch key. */
enum proto_carrier {
	PROTO_CARRIER_LINK,  /* number: enum netif_link */
	PROTO_CARRIER_ETHER, /* number: EtherType, host order */
	PROTO_CARRIER_IPV4,  /* number: IPv4 protocol */
	PROTO_CARRIER_NONE,  /* it gets no packets; number tells them apart */
};

/* What a protocol hears about interfaces; always on the control thread. */
enum netif_event {
	NETIF_EVENT_ATTACH, /* in the index table, not yet polled */
	NETIF_EVENT_UP,     /* administratively up and running */
	NETIF_EVENT_DOWN,   /* one of the two ended */
	NETIF_EVENT_CHANGE, /* MTU or hardware address changed */
	NETIF_EVENT_ADDR,   /* an address was added or removed */
	NETIF_EVENT_DETACH, /* no longer found by id, nor up; forget it now */
};

struct proto {
	const char *name; /* "ipv4"; unique in a stack */
	enum proto_carrier carrier;
	uint16_t number;

	/*
	 * Optional: make the protocol's state for one stack.
	 * Context: control thread without the control mutex.
	 * Returns: 0 or a negative errno.
	 */
	int (*init)(struct stack *st, void **state);

	/*
	 * Optional: free it.  No packet, message or interface refers to it
	 * any more; timers of its own it cancels now, by worker_call().
	 * Context: control thread without the control mutex; may sleep.
	 */
	void (*fini)(void *state);

	/*
	 * Take every packet of the batch; data points at this protocol's
	 * header.  NULL without a carrier.
	 * Context: worker in a read section; never sleeps.
	 * Owner:   the callee owns the packets; the batch is scratch.
	 */
	void (*input)(void *state, struct worker *w, struct pkt_batch *in);

	/*
	 * Optional: an interface changed.  For DETACH return only when nothing
	 * that this protocol owns refers to nif.
	 * Context: control thread holding the control mutex; may sleep.
	 */
	void (*netif_event)(
	    void *state, struct netif *nif, enum netif_event event);

	/*
	 * Optional: what stack_housekeep() finds to do; stack_housekeep_ring()
	 * asks for it.
	 * Context: control thread holding the control mutex; may sleep.
	 */
	void (*housekeep)(void *state);
};

/*
 * Hand a batch to the protocol at (carrier, number), or drop it as
 * DROP_NO_PROTO on its receiving interface.
 * Context: worker in a read section; never sleeps; wait-free.
 * Owner:   the packets go to the protocol; the batch is empty afterwards.
 */
void proto_input(struct worker *w, enum proto_carrier carrier, uint16_t number,
    struct pkt_batch *in);

/*
 * Is anybody at (carrier, number)?
 * Context: reader section; never sleeps.
 */
bool proto_registered(
    struct stack *st, enum proto_carrier carrier, uint16_t number);

/*
 * Split in into runs of equal pkt->proto and give each run, in order, to
 * proto_input(carrier, run's number).
 * Context: worker in a read section; never sleeps.
 * Owner:   as for proto_input().
 */
void proto_input_runs(
    struct worker *w, enum proto_carrier carrier, struct pkt_batch *in);

/*
 * Add a protocol while packets flow; its init runs, then it is published, then
 * it hears ATTACH (and UP) for every interface.
 * Context: control thread; may sleep.
 * Returns: 0, -EEXIST (name or key taken), -ENOMEM, or what init returned.
 */
int proto_add(struct stack *st, const struct proto *p);

/*
 * Remove a protocol: unpublish, wait for readers, DETACH for every interface,
 * fini.
 * Context: control thread; sleeps (grace period).
 * Returns: 0 or -ENOENT.
 */
int proto_remove(struct stack *st, const struct proto *p);

/*
 * The state that p's init made for this stack.
 * Context: control thread, or a reader section; never sleeps.
 * Returns: NULL if p is not in this stack.
 */
void *proto_state(struct stack *st, const struct proto *p);

#endif /* STACK_CORE_PROTO_H */
