/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_CORE_IMPL_H
#define STACK_CORE_CORE_IMPL_H

/*
 * Private to stack/core/: the stack itself, and what its files give each
 * other.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/atomic.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/percpu/counters.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "stack/core/event.h"
#include "stack/core/netif.h"
#include "stack/core/pkt.h"
#include "stack/core/proto.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "stack/core/worker.h"

struct netif_slot;
struct proto_table;
struct worker_polls;

/* The object of the given type whose member field is *p. */
#define CORE_CONTAINER(p, type, field) \
	((type *)(void *)((char *)(p)-offsetof(type, field)))

#define NETIF_SLOT_BITS 16
#define NETIF_SLOT_MASK ((UINT32_C(1) << NETIF_SLOT_BITS) - 1)

/* [c] constant  [a] atomic */
struct netif_index {
	struct pserialize_head retire;
	uint32_t nslots;                    /* [c] */
	SYNC_ATOMIC(struct netif *) slot[]; /* [a] */
};

/* Frames that one worker collected for one interface.  [c] [o] the worker */
struct netif_txq {
	struct netif *nif;      /* [c] not followed unless id still names it */
	netif_id id;            /* [c] */
	bool queued;            /* [o] on the worker's list */
	struct netif_txq *next; /* [o] */
	struct pkt_batch b;     /* [o] */
};

/* Somebody waits until the worker has run fn and ended its turn. */
struct worker_wait {
	struct worker_msg msg;
	int (*fn)(struct worker *w, void *arg); /* [c] NULL: a barrier */
	void *arg;                              /* [c] */
	int result;                             /* [o] */
	bool ran;                               /* [o] */
	struct worker_wait *next;               /* [o] waits for the turn */
	sem_t *done;                            /* [c] posted once */
};

/*
 * [c] constant  [a] atomic  [o] the worker  [w] the control mutex
 * [s] stack_start() and stack_stop()
 */
struct worker_impl {
	/* Beside the mailbox's tail: who posts looks here next. */
	SYNC_ATOMIC(int) armed;                   /* [a] going to sleep */
	struct lfqueue_mpsc mailbox;              /* [a] */
	SYNC_ATOMIC(bool) stop;                   /* [a] */
	SYNC_ATOMIC(struct worker_polls *) polls; /* [a] what to poll */
	struct worker_polls *polls_spare;         /* [w] readers have left it */
	int wake_fd;                              /* [c] eventfd */
	pthread_t thread;                         /* [s] */

	struct netif_txq *tx_first,
	    **tx_end __attribute__((
		__aligned__(SYNC_CACHELINE))); /* [o] collected frames */
	struct worker_wait *waits;             /* [o] ran, turn not yet over */
	bool foreign_any;                      /* [o] */
	struct pollfd *fds;                    /* [o] for sleeping */
	unsigned int nfds, fds_cap;            /* [o] */
	struct worker worker;                  /* [o] */
	struct pkt *foreign[]; /* [o] freed, by pool of worker */
};

/*
 * [c] constant  [a] atomic  [w] control mutex  [e] events_lock
 */
struct stack {
	char name[32];                       /* [c] */
	unsigned int nworkers;               /* [c] */
	bool stepped;                        /* [c] */
	uint64_t (*clock)(void *arg);        /* [c] */
	void *clock_arg;                     /* [c] */
	uint64_t seed;                       /* [c] */
	const struct driver **drivers;       /* [c] NULL ends */
	struct worker_impl **workers;        /* [c] */
	void *arena;                         /* [c] all packets */
	size_t arena_size;                   /* [c] bytes */
	size_t npkts;                        /* [c] of either size */
	struct percpu_counters *worker_stat; /* [c] enum worker_counter */
	struct percpu_counters *orphans;     /* [c] enum drop_reason */
	struct psref_class *netif_class;     /* [c] */
	int housekeep_fd;                    /* [c] eventfd */
	/* The last of what every packet reads; the rest is written to. */
	SYNC_ATOMIC(struct netif_index *) index;  /* [a] */
	SYNC_ATOMIC(struct proto_table *) protos; /* [a] */
	char pad[SYNC_CACHELINE];

	/* Threads come and go under the writer's side. */
	pthread_rwlock_t run_lock;
	SYNC_ATOMIC(bool) threaded; /* [a] */
	/* Who runs workers without threads. */
	pthread_mutex_t inline_lock;

	pthread_mutex_t control_lock;
	SYNC_ATOMIC(uintptr_t) control_owner; /* [a] for assertions */
	struct netif_slot *slots;             /* [w] beside the index */
	uint32_t slot_next;                   /* [w] */
	struct pslist_head netifs;            /* [w] */
	struct proto_table *protos_spare;     /* [w] readers have left it */

	pthread_mutex_t events_lock;
	struct pslist_head events;          /* [e] subscribers */
	SYNC_ATOMIC(unsigned int) events_n; /* [a] how many */
	SYNC_ATOMIC(uint64_t) events_seq;   /* [a] */
};

static inline struct worker_impl *
core_impl(struct stack *st, unsigned int id)
{
	return st->workers[id];
}

/* The first entry, and the next, for a reader or the holder of the mutex. */
static inline struct pslist_entry *
core_list_first(const struct pslist_head *h)
{
	return pserialize_in_read_section() ? pslist_reader_first(h)
					    : pslist_writer_first(h);
}

static inline struct pslist_entry *
core_list_next(const struct pslist_entry *e)
{
	return pserialize_in_read_section() ? pslist_reader_next(e)
					    : pslist_writer_next(e);
}

/* stack.c: have n workers from first on run wt[0 .. n - 1], and wait. */
void core_wait(struct stack *st, unsigned int first, unsigned int n,
    struct worker_wait *wt);

/* netif_index.c: all [w]. */
int netif_index_create(struct stack *st);
void netif_index_destroy(struct stack *st);
/* Reserve an id: 0, -ENOSPC or -ENOMEM. */
int netif_index_reserve(struct stack *st, netif_id *out);
void netif_index_publish(struct stack *st, struct netif *nif);
void netif_index_retire(struct stack *st, netif_id id);
/* The id names nothing any more, anywhere: its slot may be used again. */
void netif_index_release(struct stack *st, netif_id id);

/* netif_output.c */
int netif_output_create(struct netif *nif);
void netif_output_destroy(struct netif *nif);
void netif_output_flush(struct worker *w);

/* netif_addr.c: [w] */
void netif_addr_retire_all(struct netif *nif);

/* pkt.c */
int pkt_arena_create(struct stack *st, size_t pkts, size_t jumbos);
void pkt_arena_destroy(struct stack *st);
void pkt_flush_foreign(struct worker *w);
/* Packets in the pool of w; nobody else may be using it. */
size_t pkt_in_pool(struct worker *w);

/* timer.c */
int timer_wheel_create(uint64_t now, struct timer_wheel **out);
void timer_wheel_destroy(struct timer_wheel *wh);
/* Start of a turn: what is due already belongs to it. */
void timer_turn_begin(struct worker *w);
/* Run what is due; returns how many ran. */
unsigned int timer_turn_run(struct worker *w);
/* The earliest deadline in ns, rounded up to a tick; UINT64_MAX for none. */
uint64_t timer_next(const struct worker *w);

/* worker.c */
int worker_create(struct stack *st, unsigned int id);
void worker_destroy(struct stack *st, unsigned int id);
bool worker_turn(struct worker *w, uint64_t now);
/* Does anything wait for the next turn by itself, and when (ns)? */
uint64_t worker_next_event(struct worker *w);
/* Queue a wait; fill msg and queue it.  fn NULL: a barrier. */
void worker_wait_post(struct worker *w, struct worker_wait *wt);
/* Without threads: run the mailbox until wt has run, and end the turn. */
void worker_wait_inline(struct worker *w, struct worker_wait *wt);

/* worker_polls.c: all [w] but the first two. */
struct worker_poll {
	struct netif *nif;
	unsigned int queue;
};
struct worker_polls {
	unsigned int n, cap;
	struct worker_poll e[];
};
int worker_polls_create(struct worker_impl *wi);
void worker_polls_destroy(struct worker_impl *wi);
/* Make room for one more interface: 0 or -ENOMEM. */
int worker_polls_reserve(struct stack *st);
/* Publish the lists for what st->netifs holds now, and wait for readers. */
void worker_polls_publish(struct stack *st);

/* worker_thread.c */
int worker_thread_start(struct worker *w, int cpu);
void worker_thread_stop(struct worker *w);

/* proto.c */
int proto_table_create(struct stack *st);
void proto_table_destroy(struct stack *st);
/* Remove all, the newest first. */
void proto_remove_all(struct stack *st);
/* Tell everybody, in order, backwards for DOWN and DETACH.  [w] */
void proto_netif_event(
    struct stack *st, struct netif *nif, enum netif_event event);
void proto_housekeep(struct stack *st);

/* event.c */
void event_init(struct stack *st);
void event_fini(struct stack *st);
void event_publish_link(struct netif *nif, enum event_action action);

#endif /* STACK_CORE_CORE_IMPL_H */
