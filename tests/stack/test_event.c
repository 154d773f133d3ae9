/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "stack/core/event.h"
#include "tests/stack/testdev.h"
#include "tests/stress.h"

TestSuite(event, .timeout = 60);

static bool
readable(struct event_queue *q)
{
	struct pollfd p = {.fd = event_fd(q), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void
publish(struct stack *st, uint32_t mark)
{
	const struct event ev = {.kind = EVENT_ROUTE, .flags = mark};

	event_publish(st, &ev);
}

Test(event, reaches_every_subscriber_in_order)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct event_queue *q[2];
	struct event ev;

	cr_assert_not(event_wanted(st));
	for (int i = 0; i < 2; i++)
		cr_assert_eq(event_subscribe(st, 8, &q[i]), 0);
	cr_assert(event_wanted(st));
	for (uint32_t n = 0; n < 5; n++)
		publish(st, n);
	for (int i = 0; i < 2; i++) {
		uint64_t seq = 0;

		for (uint32_t n = 0; n < 5; n++) {
			cr_assert(readable(q[i]));
			cr_assert(event_pop(q[i], &ev));
			cr_assert_eq(ev.flags, n);
			cr_assert_eq(ev.kind, EVENT_ROUTE);
			cr_assert_gt(ev.seq, seq);
			seq = ev.seq;
		}
		cr_assert_not(event_pop(q[i], &ev));
		cr_assert_not(readable(q[i]));
		cr_assert_eq(event_lost(q[i]), 0);
		event_unsubscribe(q[i]);
	}
	cr_assert_not(event_wanted(st));
	stack_destroy(st);
}

Test(event, beyond_the_capacity_is_lost_and_counted)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(st, 0, &q), -EINVAL);
	cr_assert_eq(event_subscribe(st, 3, &q), 0);
	for (uint32_t n = 0; n < 10; n++)
		publish(st, n);
	cr_assert_eq(event_lost(q), 7);
	for (uint32_t n = 0; n < 3; n++) {
		cr_assert(event_pop(q, &ev));
		cr_assert_eq(ev.flags, n, "the oldest stay");
	}
	cr_assert_not(event_pop(q, &ev));
	publish(st, 10);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.flags, 10);
	cr_assert_gt(ev.seq, 10, "the gap shows");
	publish(st, 11);
	event_unsubscribe(q);
	stack_destroy(st);
}

Test(event, tells_the_life_of_an_interface)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct event_queue *q;
	struct testdev d;
	struct event ev;
	netif_id id;

	cr_assert_eq(event_subscribe(st, 16, &q), 0);
	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	cr_assert_eq(netif_set_mtu(st, id, 900), 0);
	netif_set_running(st, id, false);
	netif_set_running(st, id, false);
	cr_assert_eq(netif_detach(st, id), 0);

	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.kind, EVENT_LINK);
	cr_assert_eq(ev.action, EVENT_ADD);
	cr_assert_eq(ev.netif, id);
	cr_assert_str_eq(ev.ifname, "a");
	cr_assert_eq(ev.flags, NETIF_RUNNING);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.action, EVENT_CHANGE);
	cr_assert_eq(ev.flags, NETIF_RUNNING | NETIF_UP);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.action, EVENT_CHANGE);
	cr_assert_eq(ev.mtu, 900);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.flags, NETIF_UP);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.action, EVENT_DELETE);
	cr_assert_eq(ev.netif, id);
	cr_assert_not(event_pop(q, &ev), "what changes nothing is no event");
	event_unsubscribe(q);
	stack_destroy(st);
}

/* [a] atomic */
struct crowd {
	struct stack *st;
	unsigned long rounds;
	SYNC_ATOMIC(unsigned int) done; /* [a] */
};

static void *
publish_many(void *arg)
{
	struct crowd *c = arg;

	for (unsigned long i = 0; i < c->rounds; i++) {
		publish(c->st, (uint32_t)i);
		if (i % 16 == 0)
			sched_yield();
	}
	/* release: the events come before. */
	sync_fetch_add_release(&c->done, 1);
	return NULL;
}

/* Come and go while events are published. */
static void *
subscribe_many(void *arg)
{
	struct crowd *c = arg;
	struct event ev;

	/* acquire: pairs with the release in publish_many. */
	while (sync_load_acquire(&c->done) < 2) {
		struct event_queue *q;

		cr_assert_eq(event_subscribe(c->st, 4, &q), 0);
		for (int i = 0; i < 10; i++) {
			event_pop(q, &ev);
			sched_yield();
		}
		event_unsubscribe(q);
	}
	return NULL;
}

Test(event, stress_of_many_publishers_counts_every_event)
{
	struct crowd c = {.st = testdev_stack(true, 1, 1, NULL)};
	struct event_queue *q;
	struct event ev;
	pthread_t t[3];
	uint64_t got = 0;

	c.rounds = stress_n(5000);
	cr_assert_eq(event_subscribe(c.st, 32, &q), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&t[i], NULL,
				 i < 2 ? publish_many : subscribe_many, &c),
		    0);
	/* acquire: pairs with the release in publish_many. */
	while (sync_load_acquire(&c.done) < 2) {
		if (event_pop(q, &ev))
			got++;
		else
			sched_yield();
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_join(t[i], NULL), 0);
	while (event_pop(q, &ev))
		got++;
	cr_assert_eq(got + event_lost(q), 2 * c.rounds);
	cr_assert_not(readable(q));
	event_unsubscribe(q);
	stack_destroy(c.st);
}
