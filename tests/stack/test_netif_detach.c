/* SPDX-License-Identifier: BSD-2-Clause */

/* Interfaces that come and go while packets flow and others look. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "tests/stack/testdev.h"
#include "tests/stress.h"

TestSuite(netif_detach, .timeout = 120);

static bool
found(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	const bool yes = netif_lookup(st, id) != NULL;

	pserialize_read_exit(s);
	return yes;
}

/* Where the protocol below sends everything.  [a] atomic */
struct target {
	SYNC_ATOMIC(netif_id) id; /* [a] 0: drop as DROP_IPV4_NO_ROUTE */
	SYNC_ATOMIC(uint64_t) in; /* [a] packets seen */
	bool by_mail;             /* send through the other worker's mailbox */
};

static int
forward_init(struct stack *st, void **state)
{
	(void)st;
	*state = calloc(1, sizeof(struct target));
	return *state == NULL ? -ENOMEM : 0;
}

static void
forward_out(struct worker *w, struct pkt *p)
{
	struct netif *nif = netif_lookup(w->stack, p->tx_if);

	if (p->tx_if == 0)
		pkt_drop(w, p, p->rx_if, DROP_IPV4_NO_ROUTE);
	else if (nif == NULL)
		pkt_drop(w, p, p->tx_if, DROP_NETIF_GONE);
	else
		netif_output(w, nif, p);
}

static void
forward_mail(struct worker *w, struct worker_msg *msg)
{
	forward_out(
	    w, (struct pkt *)(void *)((char *)msg - offsetof(struct pkt, msg)));
}

static void
forward_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct target *t = state;
	struct stack *st = w->stack;

	/* relaxed: a count. */
	sync_fetch_add_relaxed(&t->in, in->n);
	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];

		/* acquire: the interface is complete if it is found. */
		p->tx_if = sync_load_acquire(&t->id);
		p->msg.fn = forward_mail;
		if (t->by_mail)
			worker_post(
			    stack_worker(st, (w->id + 1) % stack_nworkers(st)),
			    &p->msg);
		else
			forward_out(w, p);
	}
}

static const struct proto forward = {
    .name = "forward",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_IP,
    .init = forward_init,
    .fini = free,
    .input = forward_input,
};

static const struct proto *const protos[] = {&forward, NULL};

/* relaxed: counts. */
#define value(p) sync_load_relaxed(p)

/*
 * Two workers make packets as fast as they can; they leave by an interface
 * that is replaced all the time.  Every packet is accounted for.
 */
static void
replace_under_traffic(bool by_mail, unsigned long rounds)
{
	struct stack *st = testdev_stack(false, 2, 512, protos);
	struct target *t = proto_state(st, &forward);
	struct testdev src, dst;
	uint64_t sent = 0, gone = 0;
	netif_id from, to;

	t->by_mail = by_mail;
	testdev_init(&src, 16, UINT64_MAX);
	from = testdev_attach(st, &src, "in", 2);
	cr_assert_eq(stack_start(st), 0);
	for (unsigned long i = 0; i < rounds || gone == 0; i++) {
		testdev_init(&dst, 0, 0);
		to = testdev_attach(st, &dst, "out", 2);
		/* release: pairs with the acquire in forward_input. */
		sync_store_release(&t->id, to);
		while (value(&dst.sent) < 100)
			sched_yield();
		cr_assert_eq(netif_detach(st, to), 0);
		/* acquire: pairs with the release of the driver. */
		cr_assert(sync_load_acquire(&dst.detached));
		sent += value(&dst.sent);
		gone = netif_orphan_drops(st, -1U, DROP_NETIF_GONE);
	}
	stack_stop(st);
	stack_barrier(st);
	gone = netif_orphan_drops(st, -1U, DROP_NETIF_GONE);
	cr_assert_eq(value(&src.made),
	    sent + gone +
		testdev_counter(st, from, NETIF_DROPS + DROP_IPV4_NO_ROUTE));
	cr_assert_gt(gone, 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

Test(netif_detach, stress_under_traffic_accounts_for_every_packet)
{
	replace_under_traffic(false, stress_n(30));
}

Test(netif_detach, stress_under_mailed_traffic_accounts_for_every_packet)
{
	replace_under_traffic(true, stress_n(30));
}

static int
mail_one(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w);

	p->tx_if = *(netif_id *)arg;
	p->msg.fn = forward_mail;
	worker_post(stack_worker(w->stack, 1), &p->msg);
	return 0;
}

Test(netif_detach, packet_in_a_mailbox_meets_a_stale_id)
{
	struct stack *st = testdev_stack(true, 2, 8, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	worker_call(stack_worker(st, 0), mail_one, &id);
	cr_assert_eq(stack_pkts_in_use(st), 1);
	cr_assert_eq(netif_detach(st, id), 0);
	cr_assert_eq(netif_orphan_drops(st, 1, DROP_NETIF_GONE), 1);
	cr_assert_eq(value(&d.sent), 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

/* A packet is collected, then the interface goes, then the turn ends. */
struct race {
	struct stack *st;
	netif_id id;
	pthread_t thread;
	SYNC_ATOMIC(bool) begun; /* [a] */
	SYNC_ATOMIC(bool) ended; /* [a] */
};

static void *
detach_now(void *arg)
{
	struct race *r = arg;

	/* acquire: pairs with the release of collect or the test. */
	while (!sync_load_acquire(&r->begun))
		sched_yield();
	cr_assert_eq(netif_detach(r->st, r->id), 0);
	/* release: what was done before is over. */
	sync_store_release(&r->ended, true);
	return NULL;
}

struct race_msg {
	struct worker_msg msg;
	struct race *race;
};

static void
collect(struct worker *w, struct worker_msg *msg)
{
	struct race *r = ((struct race_msg *)(void *)msg)->race;

	netif_output(w, netif_lookup(r->st, r->id), pkt_alloc(w));
	/* release: pairs with the acquire in detach_now. */
	sync_store_release(&r->begun, true);
	while (netif_lookup(r->st, r->id) != NULL)
		sched_yield();
}

Test(netif_detach, frame_collected_in_the_same_turn_meets_a_stale_id)
{
	struct stack *st = testdev_stack(true, 1, 8, NULL);
	struct race r = {.st = st};
	struct race_msg m = {.msg.fn = collect, .race = &r};
	struct testdev d;

	testdev_init(&d, 0, 0);
	r.id = testdev_attach(st, &d, "a", 1);
	cr_assert_eq(pthread_create(&r.thread, NULL, detach_now, &r), 0);
	worker_post(stack_worker(st, 0), &m.msg);
	stack_step(st);
	cr_assert_eq(pthread_join(r.thread, NULL), 0);
	cr_assert_eq(netif_orphan_drops(st, 0, DROP_NETIF_GONE), 1);
	cr_assert_eq(value(&d.sent), 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

Test(netif_detach, waits_for_references_and_then_frees)
{
	struct stack *st = testdev_stack(true, 1, 8, NULL);
	struct race r = {.st = st};
	struct netif *nif;
	struct testdev d;
	struct psref ref;
	uint64_t s;

	testdev_init(&d, 0, 0);
	r.id = testdev_attach(st, &d, "a", 1);
	s = pserialize_read_enter();
	nif = netif_lookup(st, r.id);
	netif_acquire(nif, &ref);
	pserialize_read_exit(s);
	cr_assert_eq(pthread_create(&r.thread, NULL, detach_now, &r), 0);
	/* release: pairs with the acquire in detach_now. */
	sync_store_release(&r.begun, true);
	while (found(st, r.id))
		sched_yield();
	for (int i = 0; i < 200; i++) {
		/* The mutex is free meanwhile; the structure is not freed. */
		cr_assert_eq(netif_set_mtu(st, r.id, 1000), -ENODEV);
		cr_assert_str_eq(nif->name, "a");
		/* acquire: pairs with the releases of the driver and of
		 * detach_now. */
		cr_assert_not(sync_load_acquire(&d.detached));
		cr_assert_not(sync_load_acquire(&r.ended));
		sched_yield();
	}
	netif_release(nif, &ref);
	cr_assert_eq(pthread_join(r.thread, NULL), 0);
	/* relaxed: joined. */
	cr_assert(sync_load_relaxed(&d.detached));
	stack_destroy(st);
}

Test(netif_detach, of_the_same_one_by_two_threads_succeeds_once)
{
	struct stack *st = testdev_stack(false, 2, 8, NULL);

	cr_assert_eq(stack_start(st), 0);
	for (int i = 0; i < 20; i++) {
		struct race r = {.st = st};
		struct testdev d, other;
		netif_id id;
		int error;

		testdev_init(&d, 0, 0);
		testdev_init(&other, 0, 0);
		r.id = testdev_attach(st, &d, "a", 1);
		id = testdev_attach(st, &other, "b", 1);
		cr_assert_eq(
		    pthread_create(&r.thread, NULL, detach_now, &r), 0);
		/* release: pairs with the acquire in detach_now. */
		sync_store_release(&r.begun, true);
		cr_assert_eq(netif_detach(st, id), 0);
		error = netif_detach(st, id);
		cr_assert_eq(error, -ENODEV);
		cr_assert_eq(pthread_join(r.thread, NULL), 0);
		cr_assert_eq(netif_detach(st, r.id), -ENODEV);
	}
	stack_destroy(st);
}

#define STABLE 5

struct lookers {
	struct stack *st;
	netif_id stable[STABLE];
	SYNC_ATOMIC(netif_id) moving; /* [a] of one that comes and goes */
	SYNC_ATOMIC(bool) stop;       /* [a] */
};

static void *
look(void *arg)
{
	struct lookers *l = arg;
	struct netif *nif;
	unsigned int n;
	netif_id id;

	/* relaxed: the join orders it. */
	while (!sync_load_relaxed(&l->stop)) {
		const uint64_t s = pserialize_read_enter();

		for (int i = 0; i < STABLE; i++) {
			nif = netif_lookup(l->st, l->stable[i]);
			cr_assert_not_null(nif, "always there");
			cr_assert_eq(nif->id, l->stable[i]);
		}
		/* relaxed: an id is no pointer. */
		id = sync_load_relaxed(&l->moving);
		nif = netif_lookup(l->st, id);
		cr_assert(nif == NULL || nif->id == id);
		n = 0;
		for (nif = netif_first(l->st); nif != NULL;
		     nif = netif_next(l->st, nif))
			if (n < STABLE && nif->id == l->stable[n])
				n++;
		cr_assert_eq(n, STABLE, "the walk sees them in order");
		pserialize_read_exit(s);
		sched_yield();
	}
	return NULL;
}

Test(netif_detach, stress_of_lookups_while_the_index_grows)
{
	const unsigned long rounds = stress_n(20);

	for (unsigned long round = 0; round < rounds; round++) {
		struct lookers l = {.st = testdev_stack(true, 1, 8, NULL)};
		struct testdev d[STABLE + 80];
		netif_id id[STABLE + 80];
		pthread_t thread[2];

		for (int i = 0; i < STABLE + 80; i++)
			testdev_init(&d[i], 0, 0);
		for (int i = 0; i < STABLE; i++)
			l.stable[i] = testdev_attach(l.st, &d[i], NULL, 1);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(
			    pthread_create(&thread[i], NULL, look, &l), 0);
		for (int i = STABLE; i < STABLE + 80; i++) {
			id[i] = testdev_attach(l.st, &d[i], NULL, 1);
			/* relaxed: an id is no pointer. */
			sync_store_relaxed(&l.moving, id[i]);
			if (i % 3 == 0)
				cr_assert_eq(netif_detach(l.st, id[i]), 0);
		}
		/* relaxed: the join orders it. */
		sync_store_relaxed(&l.stop, true);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(pthread_join(thread[i], NULL), 0);
		stack_destroy(l.st);
	}
}
