/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Everything at once on one Ethernet interface: two workers send to its
 * neighbours and hear claims about them, while control threads flush, remove,
 * configure and list entries and take the interface down and up.
 *
 * The hardware address of neighbour n is always 02:xx:xx:xx:xx:n, its other
 * bytes equal, changing from claim to claim.  A frame that leaves for n with
 * another last byte, or with bytes of two claims, went through an adjacency
 * that was freed, reused or torn.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libsync/base/atomic.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "tests/stress.h"

#define TYPE    ETHER_TYPE_IPV4 /* what the neighbours are sent */
#define WORKERS 2
#define HOSTS   32 /* 10.0.0.2 and up */

static const uint8_t our_hwaddr[6] = {2, 0, 0, 0, 0, 1};

/* [c] constant  [a] atomic */
struct device {
	SYNC_ATOMIC(uint64_t) sent;  /* [a] data frames that left */
	SYNC_ATOMIC(uint64_t) asked; /* [a] ARP frames that left */
	SYNC_ATOMIC(uint64_t) wrong; /* [a] frames to a wrong address */
};

/* The hardware address of host n, one of 256. */
static void
host_hwaddr(uint8_t *out, uint8_t n, uint8_t version)
{
	memset(out, version, 6);
	out[0] = 2;
	out[5] = n;
}

/* An ARP packet of host n: a request to us, a reply, or gratuitous. */
static void
make_arp(struct pkt *p, uint64_t rnd)
{
	const uint8_t n = (uint8_t)(2 + rnd % HOSTS);
	const uint8_t kind = rnd >> 8 & 3;
	uint8_t *a = p->data + ETHER_HDR_LEN;

	memcpy(p->data, kind == 0 ? our_hwaddr : ether_broadcast, 6);
	host_hwaddr(p->data + 6, n, (uint8_t)(rnd >> 16));
	p->data[12] = ETHER_TYPE_ARP >> 8;
	p->data[13] = ETHER_TYPE_ARP & 0xff;
	memcpy(a, "\0\1\10\0\6\4\0", 7);
	a[7] = kind == 0 ? 2 : 1;
	memcpy(a + 8, p->data + 6, 6);
	memcpy(a + 14, (const uint8_t[]){10, 0, 0, n}, 4);
	memcpy(a + 18, our_hwaddr, 6);
	memcpy(a + 24, (const uint8_t[]){10, 0, 0, kind == 3 ? n : 1}, 4);
	p->len = ETHER_HDR_LEN + 28;
}

/* Something that the protocol below sends on to host n. */
static void
make_data(struct pkt *p, uint64_t rnd)
{
	memcpy(p->data, our_hwaddr, 6);
	host_hwaddr(p->data + 6, 1, 1);
	p->data[6] = 2;
	p->data[12] = TYPE >> 8;
	p->data[13] = TYPE & 0xff;
	p->data[14] = (uint8_t)(2 + rnd % HOSTS);
	p->len = ETHER_HDR_LEN + 46;
}

static void
device_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	(void)nif;
	(void)queue;
	for (int i = 0; i < 8; i++) {
		const uint64_t rnd = worker_random(w);
		struct pkt *p = pkt_alloc(w);

		if (p == NULL)
			return;
		if (rnd >> 60 == 0)
			make_arp(p, rnd);
		else
			make_data(p, rnd);
		pkt_batch_add(b, p);
	}
}

static void
device_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct device *d = nif->softc;

	(void)queue;
	for (unsigned int i = 0; i < b->n; i++) {
		const uint8_t *h = b->pkt[i]->data;

		if (h[12] != TYPE >> 8 || h[13] != (TYPE & 0xff))
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&d->asked, 1);
		else if (h[0] != 2 || h[1] != h[2] || h[2] != h[3] ||
			 h[3] != h[4] || h[5] != h[14] ||
			 memcmp(h + 6, our_hwaddr, 6) != 0)
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&d->wrong, 1);
		else
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&d->sent, 1);
		pkt_free(w, b->pkt[i]);
	}
	b->n = 0;
}

static void
device_detach(struct netif *nif)
{
	(void)nif;
}

static const struct netif_ops device_ops = {
    .poll = device_poll,
    .transmit = device_transmit,
    .detach = device_detach,
};

/* Forwards to the neighbour that the first byte names. */
static void
forward(void *state, struct worker *w, struct pkt_batch *in)
{
	(void)state;
	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];
		struct netif *nif = netif_lookup(w->stack, p->rx_if);

		memcpy(p->nexthop.bytes,
		    (const uint8_t[]){10, 0, 0, p->data[0]}, 4);
		if (nif == NULL)
			pkt_drop(w, p, p->rx_if, DROP_NETIF_GONE);
		else
			nexthop_output(w, nif, NETIF_AF_INET, p);
	}
	in->n = 0;
}

/* In the place of IPv4. */
static const struct proto forward_proto = {
    .name = "forward",
    .carrier = PROTO_CARRIER_ETHER,
    .number = TYPE,
    .input = forward,
};

static const struct proto *const protos[] = {
    &proto_ether, &proto_arp, &forward_proto, NULL};

/* [c] constant  [a] atomic  [m] the main thread */
struct test {
	struct stack *st;              /* [c] */
	struct device device;          /* [a] */
	SYNC_ATOMIC(netif_id) id;      /* [a] changes with each round */
	SYNC_ATOMIC(bool) stop;        /* [a] */
	struct event_queue *q;         /* [c] */
	SYNC_ATOMIC(uint64_t) entries; /* [a] walked by the observer */
};

static void
attach(struct test *t)
{
	const struct netif_config cfg = {
	    .name = "eth0",
	    .driver = "test",
	    .link = NETIF_LINK_ETHER,
	    .mtu = 1500,
	    .hwaddr = {2, 0, 0, 0, 0, 1},
	    .flags = NETIF_RUNNING,
	    .nqueues = WORKERS,
	    .ops = &device_ops,
	    .softc = &t->device,
	};
	struct netif_addr *a = calloc(1, sizeof(*a));
	netif_id id;
	uint64_t s;
	struct netif *nif;

	cr_assert_not_null(a);
	a->af = NETIF_AF_INET;
	a->plen = 24;
	memcpy(a->addr, (const uint8_t[]){10, 0, 0, 1}, 4);
	cr_assert_eq(netif_attach(t->st, &cfg, &id), 0);
	stack_control_enter(t->st);
	s = pserialize_read_enter();
	nif = netif_lookup(t->st, id);
	pserialize_read_exit(s);
	netif_addr_publish(nif, a);
	stack_control_exit(t->st);
	cr_assert_eq(netif_set_flags(t->st, id, NETIF_UP, 0), 0);
	/* release: the interface is there when its id is seen. */
	sync_store_release(&t->id, id);
}

/* Some change, at random; what it finds may be gone already. */
static void
change(struct test *t, netif_id id, unsigned int *seed)
{
	const uint8_t n = (uint8_t)(2 + rand_r(seed) % HOSTS);
	const uint8_t addr[4] = {10, 0, 0, n};
	uint32_t claimed;
	uint8_t hw[6];

	memcpy(&claimed, (const uint8_t[]){10, 0, 0, 1}, 4);
	host_hwaddr(hw, n, (uint8_t)rand_r(seed));
	switch (rand_r(seed) % 8) {
	case 0:
		(void)nexthop_flush(t->st, id, NETIF_AF_INET, addr,
		    (unsigned int)rand_r(seed) % 33, rand_r(seed) % 2 == 0);
		break;
	case 1:
		(void)netif_set_flags(t->st, id, 0, NETIF_UP);
		(void)netif_set_flags(t->st, id, NETIF_UP, 0);
		break;
	case 2:
		(void)arp_claim_add(t->st, id, claimed, rand_r(seed) % 2 == 0);
		break;
	case 3:
		(void)arp_claim_remove(t->st, id, claimed);
		break;
	case 4:
		(void)nexthop_remove(t->st, id, NETIF_AF_INET, addr);
		break;
	default:
		(void)nexthop_static_add(
		    t->st, id, NETIF_AF_INET, addr, hw, true);
		(void)nexthop_remove(t->st, id, NETIF_AF_INET, addr);
		break;
	}
}

static void *
changer(void *arg)
{
	struct test *t = arg;
	unsigned int seed = 7;

	/* relaxed: only says when to end. */
	while (!sync_load_relaxed(&t->stop)) {
		/* acquire: pairs with the release in attach. */
		change(t, sync_load_acquire(&t->id), &seed);
		sched_yield();
	}
	return NULL;
}

static int
visit(void *arg, const struct nexthop_entry *e)
{
	static const uint8_t zero[6];
	struct test *t = arg;

	/* Both of one entry at one time. */
	if (memcmp(e->hwaddr, zero, 6) != 0)
		cr_assert_eq(e->hwaddr[5], e->addr[3]);
	/* relaxed: a count. */
	sync_fetch_add_relaxed(&t->entries, 1);
	return 0;
}

static void *
observer(void *arg)
{
	struct test *t = arg;
	struct event ev;

	/* relaxed: only says when to end. */
	while (!sync_load_relaxed(&t->stop)) {
		/* acquire: pairs with the release in attach. */
		const netif_id id = sync_load_acquire(&t->id);

		(void)nexthop_walk(t->st, id, NETIF_AF_INET, visit, t);
		while (event_pop(t->q, &ev))
			cr_assert_lt(ev.kind, 4);
		sched_yield();
	}
	return NULL;
}

/* Times so short that every state comes and goes. */
static struct nexthop_params
short_lives(void)
{
	const uint64_t ms = 1000000;
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = HOSTS / 2;
	p.max_incomplete = HOSTS / 4;
	p.solicit_interval = 2 * ms;
	p.solicit_rate = 100000;
	p.reachable_time = 5 * ms;
	p.stale_time = 5 * ms;
	p.failed_time = 3 * ms;
	return p;
}

/* Whether frames have left, ARP has asked, and entries were seen. */
static bool
was_busy(const struct test *t)
{
	/* relaxed: counts, here and below. */
	return sync_load_relaxed(&t->device.sent) > 0 &&
	       /* relaxed: as above. */
	       sync_load_relaxed(&t->device.asked) > 0 &&
	       /* relaxed: as above. */
	       sync_load_relaxed(&t->entries) > 0;
}

Test(nexthop, stress_claims_changes_and_packets_at_once)
{
	const struct stack_config cfg = {
	    .name = "stress",
	    .protos = protos,
	    .nworkers = WORKERS,
	    .pkts_per_worker = 1024,
	};
	const struct nexthop_params params = short_lives();
	const struct timespec round = {.tv_nsec = 200000000};
	const unsigned long rounds = stress_n(8);
	static struct test t;
	pthread_t threads[2];

	cr_assert_eq(stack_create(&cfg, &t.st), 0);
	arp_set_params(t.st, &params);
	cr_assert_eq(event_subscribe(t.st, 256, &t.q), 0);
	cr_assert_eq(stack_start(t.st), 0);
	attach(&t);
	cr_assert_eq(pthread_create(&threads[0], NULL, changer, &t), 0);
	cr_assert_eq(pthread_create(&threads[1], NULL, observer, &t), 0);
	for (unsigned long n = 1;; n++) {
		nanosleep(&round, NULL);
		/* relaxed: only this thread stores it. */
		cr_assert_eq(netif_detach(t.st, sync_load_relaxed(&t.id)), 0);
		if (n >= rounds && was_busy(&t))
			break;
		attach(&t);
	}
	/* relaxed: only says when to end. */
	sync_store_relaxed(&t.stop, true);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	stack_barrier(t.st);
	stack_barrier(t.st);
	stack_stop(t.st);
	cr_assert_eq(stack_pkts_in_use(t.st), 0);
	event_unsubscribe(t.q);
	stack_destroy(t.st);

	/* relaxed: the workers are gone. */
	cr_assert_eq(sync_load_relaxed(&t.device.wrong), 0);
	cr_assert(was_busy(&t));
	/* relaxed: as above. */
	cr_log_info("%lu frames to neighbours, %lu of ARP, %lu entries listed",
	    (unsigned long)sync_load_relaxed(&t.device.sent),
	    (unsigned long)sync_load_relaxed(&t.device.asked),
	    /* relaxed: as above. */
	    (unsigned long)sync_load_relaxed(&t.entries));
}
