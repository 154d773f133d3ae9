/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Wires between stacks with threads: wake-ups, and ends that come and go while
 * frames are under way.  A protocol of this file sends each frame back.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drivers/loop/loop.h"
#include "drivers/wire/wire.h"
#include "libsync/base/atomic.h"
#include "stack/core/stack.h"
#include "tests/stress.h"

#define FRAME_LEN   100
#define WAIT_MS     10000
#define SMALL_WIRES 8

/* Counts what arrives, and answers each frame as often as it asks for. */
struct bounce {
	SYNC_ATOMIC(uint64_t) received; /* [a] */
};

static int
bounce_init(struct stack *st, void **state)
{
	(void)st;
	*state = calloc(1, sizeof(struct bounce));
	return *state != NULL ? 0 : -ENOMEM;
}

/* The first byte of a frame says how many hops it has left. */
static void
bounce_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct bounce *b = state;

	for (unsigned int i = 0; i < in->n; i++) {
		struct pkt *p = in->pkt[i];
		struct netif *nif = netif_lookup(w->stack, p->rx_if);

		/* relaxed: a counter; the test waits for its value only. */
		sync_fetch_add_relaxed(&b->received, 1);
		if (nif == NULL || p->len == 0 || p->data[0] == 0) {
			pkt_free(w, p);
			continue;
		}
		p->data[0]--;
		netif_output(w, nif, p);
	}
	in->n = 0;
}

static const struct proto bounce = {
    .name = "bounce",
    .carrier = PROTO_CARRIER_LINK,
    .number = NETIF_LINK_ETHER,
    .init = bounce_init,
    .fini = free,
    .input = bounce_input,
};

static uint64_t
received(struct stack *st)
{
	struct bounce *b = proto_state(st, &bounce);

	/* relaxed: it is only looked at. */
	return sync_load_relaxed(&b->received);
}

static struct stack *
make_stack(const char *name, unsigned int nworkers)
{
	static const struct proto *const protos[] = {&bounce, NULL};
	const struct stack_config cfg = {
	    .name = name,
	    .protos = protos,
	    .nworkers = nworkers,
	    .pkts_per_worker = 512,
	};
	struct stack *st;

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(stack_start(st), 0);
	return st;
}

static netif_id
plug(struct wire *w, unsigned int end, struct stack *st)
{
	netif_id id;

	cr_assert_eq(wire_attach(w, end, st, NULL, &id), 0);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	return id;
}

struct inject_call {
	netif_id id;
	unsigned int n;
	uint8_t hops;
};

static int
inject_on(struct worker *w, void *arg)
{
	const struct inject_call *c = arg;
	struct netif *nif = netif_lookup(w->stack, c->id);

	for (unsigned int i = 0; nif != NULL && i < c->n; i++) {
		struct pkt *p = pkt_alloc(w);

		if (p == NULL)
			break;
		memset(p->data, c->hops, FRAME_LEN);
		p->len = FRAME_LEN;
		netif_output(w, nif, p);
	}
	return nif != NULL ? 0 : -ENODEV;
}

static int
inject(struct stack *st, unsigned int worker, netif_id id, unsigned int n,
    uint8_t hops)
{
	struct inject_call c = {.id = id, .n = n, .hops = hops};

	return worker_call(stack_worker(st, worker), inject_on, &c);
}

static void
sleep_us(unsigned int us)
{
	const struct timespec ts = {.tv_nsec = (long)us * 1000};

	nanosleep(&ts, NULL);
}

static bool
wait_received(struct stack *st, uint64_t n)
{
	for (int i = 0; i < WAIT_MS * 10; i++) {
		if (received(st) >= n)
			return true;
		sleep_us(100);
	}
	return false;
}

static bool
has_slept(struct stack *st)
{
	return worker_counter_read(st, 0, WORKER_SLEEPS) > 0;
}

/* Each round meets the workers at another moment of falling asleep. */
static void
round_trips(unsigned int workers_a, unsigned int workers_b)
{
	struct stack *a = make_stack("a", workers_a),
		     *b = make_stack("b", workers_b);
	const unsigned long rounds = stress_n(1000);
	unsigned int seed = 1;
	struct wire *w;
	netif_id ia;

	cr_assert_eq(wire_create(NULL, &w), 0);
	ia = plug(w, 0, a);
	plug(w, 1, b);
	wire_destroy(w);
	for (unsigned long i = 0; i < rounds || !has_slept(a); i++) {
		cr_assert_eq(
		    inject(a, (unsigned int)i % workers_a, ia, 1, 1), 0);
		cr_assert(wait_received(a, i + 1), "round %lu is lost", i);
		seed = seed * 1103515245 + 12345;
		sleep_us(seed >> 16 & 255);
	}
	cr_assert(has_slept(a));
	stack_destroy(a);
	stack_destroy(b);
}

Test(wire_stacks, stress_no_wake_up_is_lost)
{
	round_trips(1, 1);
}

Test(wire_stacks, stress_no_wake_up_is_lost_with_other_worker_counts)
{
	round_trips(3, 2);
}

Test(wire_stacks, stress_no_wake_up_is_lost_within_one_stack)
{
	struct stack *a = make_stack("a", 2);
	const unsigned long rounds = stress_n(500);
	struct wire *w;
	netif_id ia;

	cr_assert_eq(wire_create(NULL, &w), 0);
	ia = plug(w, 0, a);
	plug(w, 1, a);
	wire_destroy(w);
	for (unsigned long i = 0; i < rounds; i++) {
		cr_assert_eq(inject(a, i % 2, ia, 1, 1), 0);
		cr_assert(wait_received(a, 2 * (i + 1)), "round %lu", i);
	}
	stack_destroy(a);
}

/* A delayed frame arrives although both stacks sleep meanwhile. */
Test(wire_stacks, stress_delayed_frames_wake_their_receiver)
{
	const struct wire_config cfg = {.delay_ns = 3000000};
	struct stack *a = make_stack("a", 1), *b = make_stack("b", 1);
	const unsigned long rounds = stress_n(50);
	struct wire *w;
	netif_id ia;

	cr_assert_eq(wire_create(&cfg, &w), 0);
	ia = plug(w, 0, a);
	plug(w, 1, b);
	for (unsigned long i = 0; i < rounds; i++) {
		cr_assert_eq(inject(a, 0, ia, 3, 1), 0);
		cr_assert(wait_received(a, 3 * (i + 1)), "round %lu", i);
	}
	wire_destroy(w);
	stack_destroy(a);
	stack_destroy(b);
}

/* What the threads of the next test share. */
struct churn {
	struct wire *wire;
	struct stack *stack[2];
	SYNC_ATOMIC(netif_id) id[2]; /* [a] 0: detached */
	SYNC_ATOMIC(bool) stop;      /* [a] */
	unsigned long rounds;
};

struct end_of {
	struct churn *churn;
	unsigned int end;
};

static bool
has_received(const struct churn *c)
{
	return received(c->stack[0]) + received(c->stack[1]) > 0;
}

/* Plug and unplug one end. */
static void *
churn_end(void *arg)
{
	const struct end_of *e = arg;
	struct churn *c = e->churn;

	for (unsigned long i = 0; i < c->rounds || !has_received(c); i++) {
		const netif_id id = plug(c->wire, e->end, c->stack[e->end]);

		/* relaxed: an id may be stale; that is what ids are for. */
		sync_store_relaxed(&c->id[e->end], id);
		sleep_us(i % 4 * 300);
		cr_assert_eq(netif_detach(c->stack[e->end], id), 0);
	}
	return NULL;
}

static bool
stopped(struct churn *c)
{
	/* relaxed: the thread is joined. */
	return sync_load_relaxed(&c->stop);
}

/* Cut and mend the wire; record it. */
static void *
churn_wire(void *arg)
{
	struct churn *c = arg;
	char path[] = "/tmp/churn-XXXXXX";
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
	while (!stopped(c)) {
		wire_set_carrier(c->wire, false);
		wire_set_carrier(c->wire, true);
		cr_assert_eq(wire_capture_start(c->wire, path), 0);
		cr_assert_eq(wire_capture_start(c->wire, path), -EBUSY);
		sleep_us(200);
		wire_capture_stop(c->wire);
		sleep_us(500);
	}
	unlink(path);
	return NULL;
}

/* Keep frames coming from both sides. */
static void *
churn_traffic(void *arg)
{
	struct churn *c = arg;

	while (!stopped(c)) {
		for (unsigned int end = 0; end < 2; end++) {
			/* relaxed: an id may be stale. */
			const netif_id id = sync_load_relaxed(&c->id[end]);

			(void)inject(c->stack[end], end, id, 32, 20);
		}
		sched_yield();
	}
	return NULL;
}

Test(wire_stacks, stress_ends_come_and_go_under_traffic)
{
	struct churn c = {.rounds = stress_n(150)};
	struct end_of ends[2] = {{&c, 0}, {&c, 1}};
	pthread_t end[2], wire, traffic;

	cr_assert_eq(wire_create(&(struct wire_config){.reorder_ppm = 100000,
				     .queue_len = 64},
			 &c.wire),
	    0);
	c.stack[0] = make_stack("a", 2);
	c.stack[1] = make_stack("b", 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&end[i], NULL, churn_end, &ends[i]);
	pthread_create(&wire, NULL, churn_wire, &c);
	pthread_create(&traffic, NULL, churn_traffic, &c);
	for (int i = 0; i < 2; i++)
		pthread_join(end[i], NULL);
	/* relaxed: the threads are joined. */
	sync_store_relaxed(&c.stop, true);
	pthread_join(wire, NULL);
	pthread_join(traffic, NULL);
	cr_assert(has_received(&c));
	wire_destroy(c.wire);
	for (int i = 0; i < 2; i++) {
		stack_barrier(c.stack[i]);
		stack_stop(c.stack[i]);
		cr_assert_eq(stack_pkts_in_use(c.stack[i]), 0);
		stack_destroy(c.stack[i]);
	}
}

Test(wire_stacks, the_last_end_frees_the_wire)
{
	struct stack *a = make_stack("a", 1), *b = make_stack("b", 1);

	for (int i = 0; i < SMALL_WIRES; i++) {
		struct wire *w;
		netif_id ia, ib;

		cr_assert_eq(wire_create(NULL, &w), 0);
		ia = plug(w, 0, a);
		ib = plug(w, 1, b);
		if (i % 2 == 0)
			wire_destroy(w);
		cr_assert_eq(netif_detach(a, ia), 0);
		cr_assert_eq(netif_detach(b, ib), 0);
		if (i % 2 != 0)
			wire_destroy(w);
	}
	stack_destroy(a);
	stack_destroy(b);
}

Test(wire_stacks, an_end_is_taken_once)
{
	struct stack *a = make_stack("a", 1);
	struct wire *w;
	netif_id id, other;

	cr_assert_eq(wire_create(NULL, &w), 0);
	cr_assert_eq(wire_attach(w, 2, a, NULL, &other), -EINVAL);
	id = plug(w, 0, a);
	cr_assert_eq(wire_attach(w, 0, a, NULL, &other), -EBUSY);
	cr_assert_eq(netif_detach(a, id), 0);
	plug(w, 0, a);
	wire_destroy(w);
	stack_destroy(a);
}

Test(wire_stacks, the_driver_makes_both_ends)
{
	struct stack *a = make_stack("a", 1);
	char err[64];
	netif_id id;

	cr_assert_eq(wire_driver.attach(a, "w0",
			 "peer=w1 rate=1g delay=1ms loss=1 reorder=2 seed=3 "
			 "queue=512",
			 &id, err, sizeof(err)),
	    0);
	stack_control_enter(a);
	cr_assert_not_null(netif_lookup_name(a, "w0"));
	cr_assert_not_null(netif_lookup_name(a, "w1"));
	stack_control_exit(a);
	cr_assert_eq(
	    wire_driver.attach(a, "w2", "", &id, err, sizeof(err)), -EINVAL);
	cr_assert_str_eq(err, "needs peer=NAME, the other end");
	cr_assert_eq(
	    wire_driver.attach(a, "w2", "peer=w1", &id, err, sizeof(err)),
	    -EEXIST);
	cr_assert_eq(wire_driver.attach(
			 a, "w2", "peer=w3 rate=fast", &id, err, sizeof(err)),
	    -EINVAL);
	cr_assert_str_eq(err, "bad word \"rate=fast\"");
	cr_assert_eq(
	    wire_driver.attach(a, "w2", "peer=w2", &id, err, sizeof(err)),
	    -EEXIST);
	cr_assert_str_eq(err, "there is an interface w2 already");
	cr_assert_eq(loop_driver.attach(a, "lo", "", &id, err, sizeof(err)), 0);
	cr_assert_eq(
	    loop_driver.attach(a, "l1", "x", &id, err, sizeof(err)), -EINVAL);
	stack_destroy(a);
}

static bool
has_netif(struct stack *st, const char *name)
{
	bool found;

	stack_control_enter(st);
	found = netif_lookup_name(st, name) != NULL;
	stack_control_exit(st);
	return found;
}

Test(wire_stacks, an_end_of_the_driver_takes_the_other_along)
{
	static const char *const ends[] = {"w0", "w1"};
	struct stack *a = make_stack("a", 1);
	char err[64];
	netif_id id;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(wire_driver.attach(
				 a, "w0", "peer=w1", &id, err, sizeof(err)),
		    0);
		stack_control_enter(a);
		id = netif_lookup_name(a, ends[i])->id;
		stack_control_exit(a);
		cr_assert_eq(netif_detach(a, id), 0);
		cr_assert_not(has_netif(a, ends[i]));
		cr_assert_eq(stack_housekeep(a), 1);
		cr_assert_not(has_netif(a, ends[1 - i]));
	}
	stack_destroy(a);
}
