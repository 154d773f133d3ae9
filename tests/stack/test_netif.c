/* SPDX-License-Identifier: BSD-2-Clause */

/* Interfaces by configuration, on stacks without threads. */

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/stack/testdev.h"

#define MANY 40 /* the index table grows three times */

TestSuite(netif, .timeout = 60);

/* Is it found by id (and by which name)? */
static bool
found(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);

	cr_assert(nif == NULL || nif->id == id);
	pserialize_read_exit(s);
	return nif != NULL;
}

static netif_id
id_of(struct stack *st, const char *name)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(st, name);
	const netif_id id = nif != NULL ? nif->id : 0;

	pserialize_read_exit(s);
	return id;
}

static uint32_t
flags_of(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	/* relaxed: nobody else is running. */
	const uint32_t f = sync_load_relaxed(&netif_lookup(st, id)->flags);

	pserialize_read_exit(s);
	return f;
}

Test(netif, of_id_zero_is_never_found)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d;

	testdev_init(&d, 0, 0);
	cr_assert_neq(testdev_attach(st, &d, "a", 1), 0);
	cr_assert_not(found(st, 0));
	cr_assert_not(found(st, 0xffffffff));
	stack_destroy(st);
}

Test(netif, is_found_by_id_and_name_however_many_there_are)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d[MANY];
	netif_id id[MANY];
	char name[NETIF_NAME_MAX];

	for (int i = 0; i < MANY; i++) {
		testdev_init(&d[i], 0, 0);
		snprintf(name, sizeof(name), "if%d", i);
		id[i] = testdev_attach(st, &d[i], name, 1);
		for (int k = 0; k <= i; k++)
			cr_assert(found(st, id[k]));
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "if%d", i);
		cr_assert_eq(id_of(st, name), id[i]);
	}
	cr_assert_eq(id_of(st, "if"), 0);
	stack_destroy(st);
	for (int i = 0; i < MANY; i++)
		/* relaxed: nobody else is running. */
		cr_assert(sync_load_relaxed(&d[i].detached));
}

Test(netif, old_ids_never_reach_a_new_one_in_their_slot)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d;
	netif_id id[MANY];
	bool reused = false;

	for (int i = 0; i < MANY; i++) {
		testdev_init(&d, 0, 0);
		id[i] = testdev_attach(st, &d, "a", 1);
		for (int k = 0; k < i; k++) {
			cr_assert_neq(id[i], id[k]);
			cr_assert_not(found(st, id[k]));
			reused |= (id[i] & 0xffff) == (id[k] & 0xffff);
		}
		cr_assert(found(st, id[i]));
		cr_assert_eq(netif_detach(st, id[i]), 0);
		cr_assert_eq(netif_detach(st, id[i]), -ENODEV);
		cr_assert_not(found(st, id[i]));
	}
	cr_assert(reused, "the test did not come to its point");
	stack_destroy(st);
}

Test(netif, list_is_in_order_of_attachment)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d[4];
	netif_id id[4];
	struct netif *nif;
	uint64_t s;

	for (int i = 0; i < 4; i++) {
		testdev_init(&d[i], 0, 0);
		id[i] = testdev_attach(st, &d[i], NULL, 1);
	}
	cr_assert_eq(netif_detach(st, id[1]), 0);
	testdev_init(&d[1], 0, 0);
	id[1] = testdev_attach(st, &d[1], NULL, 1);

	s = pserialize_read_enter();
	nif = netif_first(st);
	cr_assert_eq(nif->id, id[0]);
	nif = netif_next(st, nif);
	cr_assert_eq(nif->id, id[2]);
	pserialize_read_exit(s);

	stack_control_enter(st);
	nif = netif_next(st, netif_next(st, netif_first(st)));
	cr_assert_eq(nif->id, id[3]);
	nif = netif_next(st, nif);
	cr_assert_eq(nif->id, id[1]);
	cr_assert_str_eq(nif->name, "test1", "the free number");
	cr_assert_null(netif_next(st, nif));
	stack_control_exit(st);
	stack_destroy(st);
}

Test(netif, bad_descriptions_are_refused)
{
	static const char *const names[] = {
	    "0123456789abcdef", "a b", "a/b", ".", "..", "a\n"};
	struct stack *st = testdev_stack(true, 2, 1, NULL);
	struct netif_config good, bad;
	netif_id id = 7;
	struct testdev d;

	testdev_init(&d, 0, 0);
	good = testdev_config(&d, "a");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bad = good;
		bad.name = names[i];
		cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	}
	bad = good;
	bad.mtu = NETIF_MTU_MIN - 1;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	bad.mtu = NETIF_MTU_MAX + 1;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	bad.mtu = PKT_ROOM;
	bad.link = NETIF_LINK_ETHER;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	bad = good;
	bad.nqueues = 0;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	bad.nqueues = 3;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	bad = good;
	bad.flags = NETIF_UP;
	cr_assert_eq(netif_attach(st, &bad, &id), -EINVAL);
	cr_assert_eq(id, 7, "untouched");

	cr_assert_eq(netif_attach(st, &good, &id), 0);
	cr_assert_eq(netif_attach(st, &good, &id), -EEXIST);
	cr_assert_eq(netif_detach(st, id), 0);
	stack_destroy(st);
}

Test(netif, without_a_hardware_address_gets_its_own)
{
	uint8_t hw[2][3][6];

	for (int run = 0; run < 2; run++) {
		struct stack *st = testdev_stack(true, 1, 1, NULL);
		struct testdev d[3];

		for (int i = 0; i < 3; i++) {
			struct netif_config cfg;
			netif_id id;
			uint64_t s;

			testdev_init(&d[i], 0, 0);
			cfg = testdev_config(&d[i], NULL);
			cfg.link = NETIF_LINK_ETHER;
			cr_assert_eq(netif_attach(st, &cfg, &id), 0);
			s = pserialize_read_enter();
			memcpy(hw[run][i], netif_lookup(st, id)->hwaddr, 6);
			pserialize_read_exit(s);
			cr_assert_eq(hw[run][i][0] & 3, 2, "local, unicast");
		}
		stack_destroy(st);
	}
	cr_assert_arr_eq(hw[0], hw[1], sizeof(hw[0]));
	cr_assert_arr_neq(hw[0][0], hw[0][1], 6);
	cr_assert_arr_neq(hw[0][1], hw[0][2], 6);
}

Test(netif, starts_down_and_drops_by_name_until_it_is_up)
{
	struct stack *st = testdev_stack(true, 1, 64, NULL);
	struct netif_config cfg;
	struct testdev d;
	netif_id id;

	testdev_init(&d, 4, 8);
	cfg = testdev_config(&d, "a");
	cr_assert_eq(netif_attach(st, &cfg, &id), 0);
	cr_assert_eq(flags_of(st, id), NETIF_RUNNING);
	stack_step(st);
	cr_assert_eq(testdev_counter(st, id, NETIF_DROPS + DROP_NETIF_DOWN), 4);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	stack_step(st);
	cr_assert_eq(testdev_counter(st, id, NETIF_DROPS + DROP_NETIF_DOWN), 4);
	cr_assert_eq(testdev_counter(st, id, NETIF_DROPS + DROP_NO_PROTO), 4);
	stack_destroy(st);
}

Test(netif, flags_change_as_asked_unless_the_driver_refuses)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	cr_assert_eq(flags_of(st, id), NETIF_UP | NETIF_RUNNING);
	cr_assert_eq(netif_set_flags(st, id, NETIF_PROMISC, NETIF_UP), 0);
	cr_assert_eq(flags_of(st, id), NETIF_PROMISC | NETIF_RUNNING);
	cr_assert_eq(netif_set_flags(st, id, NETIF_RUNNING, 0), -EINVAL);
	cr_assert_eq(netif_set_flags(st, id, NETIF_GONE, 0), -EINVAL);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, NETIF_UP), -EINVAL);
	cr_assert_eq(netif_set_flags(st, id + 1, NETIF_UP, 0), -ENODEV);
	/* relaxed: nobody else is running. */
	sync_store_relaxed(&d.refuse, -EPERM);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), -EPERM);
	cr_assert_eq(flags_of(st, id), NETIF_PROMISC | NETIF_RUNNING);
	netif_set_running(st, id, false);
	cr_assert_eq(flags_of(st, id), NETIF_PROMISC);
	netif_set_running(st, id + 1, true);
	stack_destroy(st);
}

static uint32_t
mtu_of(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	/* relaxed: nobody else is running. */
	const uint32_t mtu = sync_load_relaxed(&netif_lookup(st, id)->mtu);

	pserialize_read_exit(s);
	return mtu;
}

Test(netif, mtu_changes_within_bounds_unless_the_driver_refuses)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	cr_assert_eq(netif_set_mtu(st, id, NETIF_MTU_MIN), 0);
	cr_assert_eq(mtu_of(st, id), NETIF_MTU_MIN);
	cr_assert_eq(netif_set_mtu(st, id, NETIF_MTU_MAX), 0);
	cr_assert_eq(netif_set_mtu(st, id, NETIF_MTU_MIN - 1), -EINVAL);
	cr_assert_eq(netif_set_mtu(st, id, NETIF_MTU_MAX + 1), -EINVAL);
	cr_assert_eq(netif_set_mtu(st, id + 1, 1000), -ENODEV);
	/* relaxed: nobody else is running. */
	sync_store_relaxed(&d.refuse, -EBUSY);
	cr_assert_eq(netif_set_mtu(st, id, 1000), -EBUSY);
	cr_assert_eq(mtu_of(st, id), NETIF_MTU_MAX);
	stack_destroy(st);
}

Test(netif, next_event_of_a_device_is_the_stacks)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev d[2];

	for (int i = 0; i < 2; i++) {
		testdev_init(&d[i], 0, 0);
		testdev_attach(st, &d[i], NULL, 1);
	}
	cr_assert_eq(stack_next_event(st), UINT64_MAX);
	/* relaxed: nobody else is running. */
	sync_store_relaxed(&d[0].next, UINT64_MAX - 1);
	/* relaxed: as above. */
	sync_store_relaxed(&d[1].next, UINT64_MAX - 2);
	cr_assert_eq(stack_next_event(st), UINT64_MAX - 2);
	stack_destroy(st);
}

static struct netif_addr *
addr_new(enum netif_af af, uint8_t last)
{
	struct netif_addr *a = calloc(1, sizeof(*a));

	a->af = af;
	a->plen = 24;
	a->addr[3] = last;
	return a;
}

static void
expect_addrs(const struct netif *nif, enum netif_af af, const char *lasts)
{
	const struct netif_addr *a = netif_addr_first(nif, af);

	for (; *lasts != '\0'; lasts++) {
		cr_assert_not_null(a);
		cr_assert_eq(a->af, af);
		cr_assert_eq(a->addr[3], *lasts - '0');
		a = netif_addr_next(a);
	}
	cr_assert_null(a);
}

Test(netif, addresses_are_walked_by_family_in_order)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct netif_addr *a[4];
	struct netif *nif;
	struct testdev d;
	netif_id id;
	uint64_t s;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	stack_control_enter(st);
	nif = netif_first(st);
	expect_addrs(nif, NETIF_AF_INET, "");
	for (uint8_t i = 0; i < 4; i++) {
		a[i] = addr_new(i == 2 ? NETIF_AF_INET6 : NETIF_AF_INET, i);
		netif_addr_publish(nif, a[i]);
	}
	expect_addrs(nif, NETIF_AF_INET, "013");
	expect_addrs(nif, NETIF_AF_INET6, "2");
	netif_addr_retire(nif, a[1]);
	stack_control_exit(st);

	s = pserialize_read_enter();
	expect_addrs(nif, NETIF_AF_INET, "03");
	pserialize_read_exit(s);
	cr_assert_eq(netif_detach(st, id), 0, "takes the rest away");
	stack_destroy(st);
}

static bool
readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

Test(netif, whose_device_vanished_stops_and_is_detached_by_housekeeping)
{
	struct stack *st = testdev_stack(true, 1, 64, NULL);
	struct testdev d, other;
	netif_id id, stays;
	uint64_t s;

	testdev_init(&d, 4, 100);
	testdev_init(&other, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	stays = testdev_attach(st, &other, "b", 1);
	stack_step(st);
	cr_assert_eq(stack_housekeep(st), 0);
	cr_assert_not(readable(stack_housekeep_fd(st)));

	s = pserialize_read_enter();
	netif_device_gone(netif_lookup(st, id));
	netif_device_gone(netif_lookup(st, id));
	cr_assert_not(netif_usable(netif_lookup(st, id)));
	pserialize_read_exit(s);
	cr_assert_not(stack_step(st), "it is not polled any more");
	/* relaxed: nobody else is running. */
	cr_assert_eq(sync_load_relaxed(&d.made), 4);
	netif_set_running(st, id, true);
	cr_assert_eq(flags_of(st, id) & NETIF_RUNNING, 0, "gone for good");

	cr_assert(readable(stack_housekeep_fd(st)));
	cr_assert_eq(stack_housekeep(st), 1);
	cr_assert_not(readable(stack_housekeep_fd(st)));
	cr_assert_not(found(st, id));
	cr_assert(found(st, stays));
	stack_destroy(st);
}

static int
output(struct worker *w, void *arg)
{
	struct netif *nif = netif_lookup(w->stack, *(netif_id *)arg);

	for (int i = 0; i < 70; i++) {
		struct pkt *p = pkt_alloc(w);

		p->len = 10;
		netif_output(w, nif, p);
	}
	/* relaxed: nobody else is running. */
	cr_assert_eq(
	    sync_load_relaxed(&((struct testdev *)nif->softc)->batches), 1,
	    "a full batch leaves at once");
	return 0;
}

Test(netif, output_leaves_in_full_batches_and_at_the_end_of_the_turn)
{
	struct stack *st = testdev_stack(true, 2, 128, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 2);
	worker_call(stack_worker(st, 1), output, &id);
	/* relaxed: nobody else is running. */
	cr_assert_eq(sync_load_relaxed(&d.sent), 70);
	/* relaxed: as above. */
	cr_assert_eq(sync_load_relaxed(&d.batches), 2);
	cr_assert_eq(testdev_counter(st, id, NETIF_TX_PACKETS), 70);
	cr_assert_eq(testdev_counter(st, id, NETIF_TX_BYTES), 700);
	stack_destroy(st);
}

static int
output_down(struct worker *w, void *arg)
{
	struct netif *nif = netif_lookup(w->stack, *(netif_id *)arg);

	netif_output(w, nif, pkt_alloc(w));
	return 0;
}

Test(netif, output_on_one_that_is_down_is_dropped)
{
	struct stack *st = testdev_stack(true, 1, 128, NULL);
	struct testdev d;
	netif_id id;

	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "a", 1);
	netif_set_running(st, id, false);
	worker_call(stack_worker(st, 0), output_down, &id);
	cr_assert_eq(testdev_counter(st, id, NETIF_DROPS + DROP_NETIF_DOWN), 1);
	cr_assert_eq(testdev_counter(st, id, NETIF_TX_PACKETS), 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}
