/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/stack/testdev.h"
#include "tests/stress.h"

TestSuite(proto, .timeout = 120);

/* What happened, in letters; one for the whole test program. */
struct diary {
	char text[256];
};

static struct diary *
diary(void)
{
	static struct diary d;

	return &d;
}

static void
note(const char *who, const char *what)
{
	struct diary *d = diary();
	const size_t n = strlen(d->text);

	snprintf(d->text + n, sizeof(d->text) - n, "%s%s ", who, what);
}

static void
expect(const char *text)
{
	cr_assert_str_eq(diary()->text, text, "%s", diary()->text);
	diary()->text[0] = '\0';
}

static const char *
event_name(enum netif_event event)
{
	static const char *const names[] = {
	    [NETIF_EVENT_ATTACH] = "+",
	    [NETIF_EVENT_UP] = "U",
	    [NETIF_EVENT_DOWN] = "D",
	    [NETIF_EVENT_CHANGE] = "C",
	    [NETIF_EVENT_ADDR] = "A",
	    [NETIF_EVENT_DETACH] = "-",
	};

	return names[event];
}

/* The state: who it is, and the runs it was given. */
struct state {
	const char *who;
	unsigned int n;    /* packets */
	unsigned int runs; /* batches */
	char order[64];    /* first byte of each packet */
};

static int
state_init(const char *who, void **out)
{
	struct state *s = calloc(1, sizeof(*s));

	s->who = who;
	note(who, "i");
	*out = s;
	return 0;
}

static int
init_a(struct stack *st, void **out)
{
	(void)st;
	return state_init("a", out);
}

static int
init_b(struct stack *st, void **out)
{
	(void)st;
	return state_init("b", out);
}

static int
init_fails(struct stack *st, void **out)
{
	(void)st;
	(void)out;
	note("x", "i");
	return -EPROTO;
}

static void
fini(void *state)
{
	note(((struct state *)state)->who, "f");
	free(state);
}

static void
take(void *state, struct worker *w, struct pkt_batch *in)
{
	struct state *s = state;

	cr_assert(pserialize_in_read_section());
	s->runs++;
	for (unsigned int i = 0; i < in->n; i++) {
		if (s->n < sizeof(s->order) - 1)
			s->order[s->n] = (char)in->pkt[i]->data[0];
		s->n++;
		pkt_free(w, in->pkt[i]);
	}
}

static void
hear(void *state, struct netif *nif, enum netif_event event)
{
	cr_assert(stack_control_held(nif->stack));
	cr_assert_not(pserialize_in_read_section());
	note(((struct state *)state)->who, event_name(event));
}

static const struct proto proto_a = {
    .name = "a",
    .carrier = PROTO_CARRIER_ETHER,
    .number = 1,
    .init = init_a,
    .fini = fini,
    .input = take,
    .netif_event = hear,
};

static const struct proto proto_b = {
    .name = "b",
    .carrier = PROTO_CARRIER_ETHER,
    .number = 2,
    .init = init_b,
    .fini = fini,
    .input = take,
    .netif_event = hear,
};

static const struct proto *const both[] = {&proto_a, &proto_b, NULL};

Test(proto, inits_run_in_order_and_finis_backwards)
{
	struct stack *st = testdev_stack(true, 1, 1, both);

	expect("ai bi ");
	stack_destroy(st);
	expect("bf af ");
}

Test(proto, init_that_fails_undoes_the_stack)
{
	static const struct proto fails = {.name = "x",
	    .carrier = PROTO_CARRIER_ETHER,
	    .number = 9,
	    .init = init_fails,
	    .input = take};
	static const struct proto *const table[] = {
	    &proto_a, &proto_b, &fails, NULL};
	const struct stack_config cfg = {
	    .protos = table, .pkts_per_worker = 1, .stepped = true};
	struct stack *st = NULL;

	cr_assert_eq(stack_create(&cfg, &st), -EPROTO);
	cr_assert_null(st);
	expect("ai bi xi bf af ");

	st = testdev_stack(true, 1, 1, NULL);
	cr_assert_eq(proto_add(st, &fails), -EPROTO);
	cr_assert_null(proto_state(st, &fails));
	stack_destroy(st);
}

Test(proto, names_and_keys_are_unique)
{
	struct stack *st = testdev_stack(true, 1, 1, both);
	struct proto c = proto_a;

	cr_assert_eq(proto_add(st, &proto_a), -EEXIST);
	c.number = 3;
	cr_assert_eq(proto_add(st, &c), -EEXIST, "the name");
	c.name = "c";
	c.number = 2;
	cr_assert_eq(proto_add(st, &c), -EEXIST, "the key");
	c.carrier = PROTO_CARRIER_IPV4;
	cr_assert_eq(proto_add(st, &c), 0);
	cr_assert_eq(proto_remove(st, &c), 0);
	cr_assert_eq(proto_remove(st, &c), -ENOENT);
	cr_assert_neq(proto_state(st, &proto_a), proto_state(st, &proto_b));
	stack_destroy(st);
}

Test(proto, many_are_all_found_after_adding_and_removing)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct proto p[100];
	char name[100][8];
	uint64_t s;

	for (int i = 0; i < 100; i++) {
		snprintf(name[i], sizeof(name[i]), "p%d", i);
		p[i] = (struct proto){.name = name[i],
		    .carrier = (enum proto_carrier)(i % 3),
		    .number = (uint16_t)(i * 0x101),
		    .input = take};
		cr_assert_eq(proto_add(st, &p[i]), 0);
	}
	for (int i = 0; i < 100; i += 2)
		cr_assert_eq(proto_remove(st, &p[i]), 0);
	s = pserialize_read_enter();
	for (int i = 0; i < 100; i++)
		cr_assert_eq(
		    proto_registered(st, p[i].carrier, p[i].number), i % 2);
	cr_assert_not(proto_registered(st, PROTO_CARRIER_IPV4, 0xffff));
	pserialize_read_exit(s);
	stack_destroy(st);
}

Test(proto, hears_of_interfaces_in_order_and_of_their_end_backwards)
{
	struct stack *st = testdev_stack(true, 1, 1, both);
	struct netif_addr *addr = calloc(1, sizeof(*addr));
	struct testdev d;
	netif_id id;

	expect("ai bi ");
	testdev_init(&d, 0, 0);
	id = testdev_attach(st, &d, "x", 1);
	expect("a+ b+ aU bU ");
	cr_assert_eq(netif_set_flags(st, id, NETIF_PROMISC, 0), 0);
	expect("");
	netif_set_running(st, id, false);
	expect("bD aD ");
	cr_assert_eq(netif_set_flags(st, id, 0, NETIF_UP), 0);
	expect("");
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	netif_set_running(st, id, true);
	expect("aU bU ");
	cr_assert_eq(netif_set_mtu(st, id, 1000), 0);
	expect("aC bC ");
	stack_control_enter(st);
	netif_addr_publish(netif_first(st), addr);
	expect("aA bA ");
	netif_addr_retire(netif_first(st), addr);
	expect("aA bA ");
	stack_control_exit(st);
	cr_assert_eq(netif_detach(st, id), 0);
	expect("b- a- ");
	stack_destroy(st);
	expect("bf af ");
}

Test(proto, added_later_hears_what_there_is)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct testdev up, down;
	netif_id id;

	testdev_init(&up, 0, 0);
	testdev_init(&down, 0, 0);
	testdev_attach(st, &up, "x", 1);
	id = testdev_attach(st, &down, "y", 1);
	netif_set_running(st, id, false);
	cr_assert_eq(proto_add(st, &proto_a), 0);
	expect("ai a+ aU a+ ");
	cr_assert_eq(proto_remove(st, &proto_a), 0);
	expect("a- a- af ");
	stack_destroy(st);
}

/* Hands a batch of packets of these kinds, a letter each, to the runs. */
static int
give(struct worker *w, void *arg)
{
	struct pkt_batch b = {0};

	for (const char *c = arg; *c != '\0'; c++) {
		struct pkt *p = pkt_alloc(w);

		p->data[0] = (uint8_t)*c;
		p->proto = (uint16_t)((*c | 32) - 'a' + 1);
		pkt_batch_add(&b, p);
	}
	proto_input_runs(w, PROTO_CARRIER_ETHER, &b);
	cr_assert_eq(b.n, 0);
	return 0;
}

Test(proto, runs_are_split_and_keep_their_order)
{
	struct stack *st = testdev_stack(true, 1, 64, both);
	const struct state *a = proto_state(st, &proto_a);
	const struct state *b = proto_state(st, &proto_b);
	char mixed[] = "aAbaBbc", same[] = "aAa", none[] = "";

	worker_call(stack_worker(st, 0), give, mixed);
	cr_assert_str_eq(a->order, "aAa");
	cr_assert_eq(a->runs, 2);
	cr_assert_str_eq(b->order, "bBb");
	cr_assert_eq(b->runs, 2);
	cr_assert_eq(netif_orphan_drops(st, 0, DROP_NO_PROTO), 1);
	worker_call(stack_worker(st, 0), give, same);
	cr_assert_eq(a->runs, 3);
	worker_call(stack_worker(st, 0), give, none);
	cr_assert_eq(a->runs, 3);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

/* [a] packets seen by all states; a state itself is 1 while it is alive */
static SYNC_ATOMIC(uint64_t) counted_total;

static int
counted_init(struct stack *st, void **out)
{
	unsigned int *alive = malloc(sizeof(*alive));

	(void)st;
	*alive = 1;
	*out = alive;
	return 0;
}

static void
counted_fini(void *state)
{
	*(unsigned int *)state = 0;
	free(state);
}

static void
counted_input(void *state, struct worker *w, struct pkt_batch *in)
{
	cr_assert_eq(*(unsigned int *)state, 1);
	/* relaxed: a count. */
	sync_fetch_add_relaxed(&counted_total, in->n);
	for (unsigned int i = 0; i < in->n; i++)
		pkt_free(w, in->pkt[i]);
}

Test(proto, stress_of_adding_and_removing_under_traffic_loses_none)
{
	static const struct proto counted = {
	    .name = "counted",
	    .carrier = PROTO_CARRIER_LINK,
	    .number = NETIF_LINK_IP,
	    .init = counted_init,
	    .fini = counted_fini,
	    .input = counted_input,
	};
	struct stack *st = testdev_stack(false, 2, 128, NULL);
	const unsigned long rounds = stress_n(40);
	struct testdev d;
	uint64_t dropped;
	netif_id id;

	testdev_init(&d, 16, UINT64_MAX);
	id = testdev_attach(st, &d, "x", 2);
	cr_assert_eq(stack_start(st), 0);
	for (unsigned long i = 0; i < rounds; i++) {
		uint64_t before;

		cr_assert_eq(proto_add(st, &counted), 0);
		/* relaxed: a count. */
		before = sync_load_relaxed(&counted_total);
		/* relaxed: a count. */
		while (sync_load_relaxed(&counted_total) < before + 16)
			sched_yield();
		cr_assert_eq(proto_remove(st, &counted), 0);
	}
	stack_stop(st);
	dropped = testdev_counter(st, id, NETIF_DROPS + DROP_NO_PROTO);
	/* relaxed: the workers have stopped. */
	cr_assert_eq(sync_load_relaxed(&counted_total) + dropped,
	    sync_load_relaxed(&d.made));
	cr_assert_gt(dropped, 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}
