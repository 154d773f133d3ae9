/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>

#include "tests/stack/testdev.h"

TestSuite(stack, .timeout = 60);

Test(stack, an_empty_one_can_be_made_stepped_and_destroyed)
{
	struct stack *st = testdev_stack(true, 0, 0, NULL);

	cr_assert_eq(stack_nworkers(st), 1);
	cr_assert_str_eq(stack_name(st), "test");
	cr_assert_not(stack_threaded(st));
	cr_assert_not(stack_step(st));
	cr_assert_eq(stack_next_event(st), UINT64_MAX);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

Test(stack, too_many_workers_are_refused)
{
	const struct stack_config cfg = {.nworkers = STACK_WORKERS_MAX + 1};
	struct stack *st = NULL;

	cr_assert_eq(stack_create(&cfg, &st), -EINVAL);
	cr_assert_null(st);
}

/* Routers in a row must not all hash alike; a stepped run must be repeatable. */
Test(stack, seed_is_random_unless_given_or_stepped)
{
	const struct stack_config given = {.seed = 7};
	struct stack *st[5];

	st[0] = testdev_stack(false, 1, 8, NULL);
	st[1] = testdev_stack(false, 1, 8, NULL);
	st[2] = testdev_stack(true, 1, 8, NULL);
	st[3] = testdev_stack(true, 1, 8, NULL);
	cr_assert_eq(stack_create(&given, &st[4]), 0);
	cr_assert_neq(stack_seed(st[0]), stack_seed(st[1]));
	cr_assert_eq(stack_seed(st[2]), stack_seed(st[3]));
	cr_assert_eq(stack_seed(st[4]), 7);
	for (int i = 0; i < 5; i++)
		stack_destroy(st[i]);
}

Test(stack, starts_and_stops_again_and_again)
{
	struct stack *st = testdev_stack(false, 2, 64, NULL);

	for (int i = 0; i < 5; i++) {
		cr_assert_eq(stack_start(st), 0);
		cr_assert(stack_threaded(st));
		stack_barrier(st);
		stack_stop(st);
		cr_assert_not(stack_threaded(st));
		stack_barrier(st);
	}
	stack_destroy(st);
}

Test(stack, drops_what_no_protocol_claims)
{
	struct stack *st = testdev_stack(true, 1, 64, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 5, 20);
	id = testdev_attach(st, &d, "a", 1);
	while (stack_step(st))
		;
	cr_assert_eq(testdev_counter(st, id, NETIF_DROPS + DROP_NO_PROTO), 20);
	cr_assert_eq(testdev_counter(st, id, NETIF_RX_PACKETS), 20);
	cr_assert_eq(testdev_counter(st, id, NETIF_RX_BYTES), 1200);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

Test(stack, threads_poll_what_is_attached_while_they_run)
{
	struct stack *st = testdev_stack(false, 2, 256, NULL);
	struct testdev d;
	netif_id id;

	cr_assert_eq(stack_start(st), 0);
	testdev_init(&d, 8, 10000);
	id = testdev_attach(st, &d, "a", 2);
	while (testdev_counter(st, id, NETIF_RX_PACKETS) < 10000)
		sched_yield();
	stack_stop(st);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
	/* acquire: what detach did is over. */
	cr_assert(sync_load_acquire(&d.detached));
}
