/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_EVENT_H
#define STACK_CORE_EVENT_H

/*
 * Notifications of configuration changes, for `psnetctl monitor`, tests and
 * daemons: what rtnetlink groups are on Linux.  Subscribers read at their own
 * pace; one that is too slow loses events and is told how many.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/netif.h"

struct stack;
struct event_queue;

enum event_kind {
	EVENT_LINK,
	EVENT_ADDR,
	EVENT_ROUTE,
	EVENT_NEIGH,
	EVENT_NEXTHOP
};
enum event_action {
	EVENT_ADD,
	EVENT_CHANGE,
	EVENT_DELETE
};

#define EVENT_HOPS_MAX 64

/* A next hop of a route, a numbered one, or a member of a group of them. */
struct event_hop {
	netif_id netif; /* 0: it is recursive */
	uint8_t gateway[16];
	bool has_gateway;
	uint16_t weight;
	uint32_t id; /* of a member; it has nothing else but a weight */
};

/* One change.  Fields that do not apply to the kind are zero. */
struct event {
	enum event_kind kind;
	enum event_action action;
	/*
	 * From 1.  Changes made under the control mutex have it in the order
	 * of their commits, and so has each neighbour.  Events of several
	 * workers may come in another order than that of their numbers.
	 */
	uint64_t seq;
	netif_id netif;
	char ifname[NETIF_NAME_MAX];
	uint32_t flags;      /* LINK: enum netif_flags */
	uint32_t mtu;        /* LINK: bytes */
	uint8_t hwaddr[6];   /* LINK, NEIGH; ADDR: who else claims it */
	enum netif_af af;    /* ADDR, ROUTE, NEIGH */
	uint8_t addr[16];    /* address, prefix or neighbour */
	uint8_t plen;        /* ADDR, ROUTE: bits */
	uint8_t gateway[16]; /* ROUTE: of the first next hop */
	uint8_t type;        /* ROUTE: route_type; NEXTHOP: nexthop_kind */
	uint8_t protocol;    /* ROUTE, NEXTHOP: who made it */
	uint32_t nhid;       /* NEXTHOP: its id; ROUTE: that it names, or 0 */
	uint8_t state;       /* NEIGH: nexthop_state; ADDR: arp_claim_state */
	/* ROUTE, all of these. */
	bool selected; /* packets find it; else it waits, or is gone */
	bool has_prefsrc;
	uint8_t distance;
	uint32_t metric;
	uint32_t table;  /* number of the table it is in; 0: of none */
	uint32_t lookup; /* number of the table it leads to */
	uint8_t prefsrc[16];
	uint32_t backup; /* NEXTHOP: the object's id, or 0 */
	/* NEXTHOP, groups of type resilient only. */
	bool resilient;
	unsigned int buckets;
	uint64_t idle_timer, unbalanced_timer; /* ns */
	/* ROUTE and NEXTHOP. */
	unsigned int nhops;
	struct event_hop hop[EVENT_HOPS_MAX]; /* the first nhops */
};

/*
 * Subscribe to every later event; at most capacity wait unread.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until event_unsubscribe().
 * Returns: 0, -EINVAL (capacity 0), -ENOMEM, or a negative errno of eventfd(2).
 */
int event_subscribe(
    struct stack *st, size_t capacity, struct event_queue **out);

/* End it.  Context: control thread, not in a read section; sleeps. */
void event_unsubscribe(struct event_queue *q);

/*
 * Take the oldest event.
 * Context: the one subscriber; never sleeps.
 * Returns: false if there is none.
 */
bool event_pop(struct event_queue *q, struct event *out);

/* Readable when events wait.  Context: the subscriber. */
int event_fd(const struct event_queue *q);

/* How many were lost so far because the queue was full. */
uint64_t event_lost(const struct event_queue *q);

/*
 * Tell every subscriber; seq is filled in.  Bulk loads say so once instead.
 * Context: any thread; never sleeps; not on the packet path.
 */
void event_publish(struct stack *st, const struct event *ev);

/* Is anybody subscribed?  Context: any thread; never sleeps. */
bool event_wanted(struct stack *st);

#endif /* STACK_CORE_EVENT_H */
