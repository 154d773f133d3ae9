/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "tests/stack/testdev.h"
#include "tests/stress.h"

#define POOL 32

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

TestSuite(pkt, .timeout = 60);

/* Run fn as the given worker of a stack without threads. */
static void
as(struct stack *st, unsigned int id, int (*fn)(struct worker *, void *),
    void *arg)
{
	cr_assert_eq(worker_call(stack_worker(st, id), fn, arg), 0);
}

static int
alloc_all(struct worker *w, void *arg)
{
	struct pkt_batch *b = arg;
	struct pkt *p;

	b->n = 0;
	while ((p = pkt_alloc(w)) != NULL)
		pkt_batch_add(b, p);
	return 0;
}

static int
free_all(struct worker *w, void *arg)
{
	struct pkt_batch *b = arg;

	for (unsigned int i = 0; i < b->n; i++)
		pkt_free(w, b->pkt[i]);
	b->n = 0;
	return 0;
}

Test(pkt, pool_holds_what_was_asked_for_and_then_returns_null)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);
	struct pkt_batch b;

	for (int i = 0; i < 3; i++) {
		as(st, 0, alloc_all, &b);
		cr_assert_eq(b.n, POOL);
		cr_assert_eq(stack_pkts_in_use(st), POOL);
		as(st, 0, free_all, &b);
		cr_assert_eq(stack_pkts_in_use(st), 0);
	}
	stack_destroy(st);
}

static int
looks_new(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w), *q;

	(void)arg;
	cr_assert_eq(pkt_headroom(p), PKT_HEADROOM);
	cr_assert_eq(pkt_tailroom(p), PKT_ROOM);
	cr_assert_eq(p->rx_time, w->now);
	/* Spoil everything that the next owner must not see. */
	p->len = 5;
	p->flags = p->hash = p->rx_if = p->tx_if = 1;
	p->l3_len = p->proto = 1;
	memset(&p->nexthop, 0xff, sizeof(p->nexthop));
	p->l3 = p->data;
	p->data += 7;
	p->next = p;
	pkt_free(w, p);

	q = pkt_alloc(w);
	cr_assert_eq(q, p, "the last one freed comes first");
	cr_assert_eq(pkt_headroom(q), PKT_HEADROOM);
	cr_assert_eq(q->len | q->flags | q->hash | q->rx_if | q->tx_if, 0);
	cr_assert_eq(q->l3_len | q->proto, 0);
	cr_assert_eq(q->nexthop.ipv4, 0);
	cr_assert_null(q->l3);
	cr_assert_null(q->next);
	memset(q->data - PKT_HEADROOM, 0xee, PKT_HEADROOM + PKT_ROOM);
	pkt_free(w, q);
	return 0;
}

Test(pkt, comes_from_the_pool_as_new)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);

	as(st, 0, looks_new, NULL);
	stack_destroy(st);
}

static int
buffers_apart(struct worker *w, void *arg)
{
	struct pkt_batch *b = arg;

	alloc_all(w, b);
	for (unsigned int i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		memset(p->data - PKT_HEADROOM, (int)i, PKT_HEADROOM + PKT_ROOM);
	}
	for (unsigned int i = 0; i < b->n; i++) {
		const uint8_t *from = b->pkt[i]->data - PKT_HEADROOM;

		for (size_t k = 0; k < PKT_HEADROOM + PKT_ROOM; k++)
			cr_assert_eq(from[k], (uint8_t)i);
		cr_assert_eq(b->pkt[i]->len, 0);
	}
	return free_all(w, b);
}

Test(pkt, buffers_do_not_overlap)
{
	struct stack *st = testdev_stack(true, 2, POOL, NULL);
	struct pkt_batch b;

	as(st, 0, buffers_apart, &b);
	as(st, 1, buffers_apart, &b);
	stack_destroy(st);
}

static int
jumbos(struct worker *w, void *arg)
{
	struct pkt_batch b = {0};
	struct pkt *p;

	(void)arg;
	while ((p = pkt_alloc_jumbo(w)) != NULL) {
		cr_assert_eq(pkt_headroom(p), PKT_HEADROOM);
		cr_assert_eq(pkt_tailroom(p), PKT_ROOM_JUMBO);
		memset(p->data, 1, PKT_ROOM_JUMBO);
		p->len = PKT_ROOM + 1;
		cr_assert_null(pkt_copy(w, p), "longer than a packet");
		pkt_batch_add(&b, p);
	}
	cr_assert_eq(b.n, 16);
	p = pkt_alloc(w);
	cr_assert_not_null(p, "the pools are apart");
	cr_assert_eq(pkt_tailroom(p), PKT_ROOM);
	pkt_free(w, p);
	return free_all(w, &b);
}

Test(pkt, jumbos_have_a_pool_of_their_own)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);

	as(st, 0, jumbos, NULL);
	as(st, 0, jumbos, NULL);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

static int
copies(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w), *c, *more;
	struct pkt_batch b;

	(void)arg;
	p->data -= 14;
	p->len = 1514;
	p->flags = PKT_L2_BROADCAST;
	p->rx_if = 7;
	p->rx_time = 99;
	for (unsigned int i = 0; i < p->len; i++)
		p->data[i] = (uint8_t)(i * 7);
	c = pkt_copy(w, p);
	cr_assert_not_null(c);
	cr_assert_neq(c, p);
	cr_assert_eq(c->len, p->len);
	cr_assert_eq(c->flags, p->flags);
	cr_assert_eq(c->rx_if, p->rx_if);
	cr_assert_eq(c->rx_time, p->rx_time);
	cr_assert_eq(pkt_headroom(c), PKT_HEADROOM);
	cr_assert_arr_eq(c->data, p->data, p->len);

	alloc_all(w, &b);
	more = pkt_copy(w, p);
	cr_assert_null(more, "the pool is empty");
	free_all(w, &b);
	pkt_free(w, c);
	pkt_free(w, p);
	return 0;
}

Test(pkt, copy_has_the_bytes_and_where_they_came_from)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);

	as(st, 0, copies, NULL);
	stack_destroy(st);
}

Test(pkt, freed_by_another_worker_goes_home_with_the_end_of_the_turn)
{
	struct stack *st = testdev_stack(true, 3, POOL, NULL);
	struct pkt_batch a, b, again;

	as(st, 0, alloc_all, &a);
	as(st, 1, alloc_all, &b);
	as(st, 2, free_all, &a);
	as(st, 2, free_all, &b);
	cr_assert_eq(
	    worker_counter_read(st, 2, WORKER_REMOTE_FREES), 2UL * POOL);
	cr_assert_eq(worker_counter_read(st, 0, WORKER_REMOTE_FREES), 0);
	as(st, 2, alloc_all, &again);
	cr_assert_eq(again.n, POOL, "they are not worker 2's");
	as(st, 2, free_all, &again);
	as(st, 0, alloc_all, &again);
	cr_assert_eq(again.n, POOL);
	as(st, 0, free_all, &again);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

struct drops {
	netif_id named, stale;
};

static int
drop_some(struct worker *w, void *arg)
{
	const struct drops *d = arg;
	struct pkt_batch b;

	pkt_drop(w, pkt_alloc(w), d->named, DROP_IPV4_TTL);
	pkt_drop(w, pkt_alloc(w), 0, DROP_IPV4_TTL);
	pkt_drop(w, pkt_alloc(w), d->stale, DROP_ARP_SHORT);
	alloc_all(w, &b);
	pkt_drop_batch(w, &b, d->named, DROP_TX_FULL);
	cr_assert_eq(b.n, 0);
	alloc_all(w, &b);
	pkt_drop_batch(w, &b, d->stale, DROP_TX_FULL);
	return 0;
}

Test(pkt, drops_are_counted_by_reason_worker_and_interface)
{
	struct stack *st = testdev_stack(true, 2, POOL, NULL);
	struct testdev dev, old;
	struct drops d;
	uint64_t s;

	testdev_init(&dev, 0, 0);
	testdev_init(&old, 0, 0);
	d.named = testdev_attach(st, &dev, "a", 1);
	d.stale = testdev_attach(st, &old, "b", 1);
	cr_assert_eq(netif_detach(st, d.stale), 0);
	as(st, 1, drop_some, &d);

	cr_assert_eq(
	    testdev_counter(st, d.named, NETIF_DROPS + DROP_IPV4_TTL), 1);
	cr_assert_eq(
	    testdev_counter(st, d.named, NETIF_DROPS + DROP_TX_FULL), POOL);
	s = pserialize_read_enter();
	cr_assert_eq(netif_counter_read(netif_lookup(st, d.named), 0,
			 NETIF_DROPS + DROP_TX_FULL),
	    0);
	pserialize_read_exit(s);
	cr_assert_eq(netif_orphan_drops(st, 1, DROP_IPV4_TTL), 1);
	cr_assert_eq(netif_orphan_drops(st, -1U, DROP_ARP_SHORT), 1);
	cr_assert_eq(netif_orphan_drops(st, 0, DROP_ARP_SHORT), 0);
	cr_assert_eq(netif_orphan_drops(st, 1, DROP_TX_FULL), POOL);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}

#ifdef SYNC_CHECKS
static int
free_twice(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w);

	(void)arg;
	pkt_free(w, p);
	pkt_free(w, p);
	return 0;
}

Test(pkt, freed_twice_is_fatal, .signal = SIGABRT)
{
	struct stack *st = testdev_stack(true, 2, POOL, NULL);

	as(st, 0, free_twice, NULL);
}

Test(pkt, kept_at_the_end_is_fatal, .signal = SIGABRT)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);
	struct pkt_batch b;

	as(st, 0, alloc_all, &b);
	stack_destroy(st);
}
#endif

#ifdef WITH_ASAN
static int
out_of_bounds(struct worker *w, void *arg)
{
	struct pkt *p = pkt_alloc(w);
	uint8_t *data = p->data;

	(void)arg;
	cr_assert_not(__asan_address_is_poisoned(p));
	cr_assert_not(__asan_address_is_poisoned(data));
	cr_assert_not(__asan_address_is_poisoned(data + PKT_ROOM - 1));
	pkt_free(w, p);
	cr_assert(__asan_address_is_poisoned(p));
	cr_assert(__asan_address_is_poisoned(data));
	cr_assert(__asan_address_is_poisoned(data + PKT_ROOM - 1));
	return 0;
}

Test(pkt, is_out_of_bounds_while_it_is_free)
{
	struct stack *st = testdev_stack(true, 1, POOL, NULL);

	as(st, 0, out_of_bounds, NULL);
	stack_destroy(st);
}
#endif

/* Each worker allocates and sends its packets around; the last one frees. */
struct ring {
	struct stack *st;
	SYNC_ATOMIC(uint64_t) freed; /* [a] */
};

static void
travel(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p =
	    (struct pkt *)(void *)((char *)msg - offsetof(struct pkt, msg));
	struct ring *r;

	memcpy(&r, p->data, sizeof(r));
	if (p->l3_len-- > 0) {
		worker_post(
		    stack_worker(r->st, (w->id + 1) % stack_nworkers(r->st)),
		    msg);
		return;
	}
	pkt_free(w, p);
	/* relaxed: a count. */
	sync_fetch_add_relaxed(&r->freed, 1);
}

static int
send_around(struct worker *w, void *arg)
{
	struct ring *r = arg;
	struct pkt *p;
	int n = 0;

	for (; n < POOL / 2 && (p = pkt_alloc(w)) != NULL; n++) {
		memcpy(p->data, &r, sizeof(r));
		p->l3_len = (uint16_t)(worker_random(w) % 7);
		p->msg.fn = travel;
		worker_post(w, &p->msg);
	}
	return n;
}

Test(pkt, stress_of_frees_by_other_workers_loses_none)
{
	const unsigned long rounds = stress_n(500);
	struct stack *st = testdev_stack(false, 3, POOL, NULL);
	struct ring r = {.st = st};
	uint64_t sent = 0;

	cr_assert_eq(stack_start(st), 0);
	for (unsigned long i = 0; i < rounds; i++)
		sent += (uint64_t)worker_call(
		    stack_worker(st, (unsigned int)(i % 3)), send_around, &r);
	/* relaxed: a count. */
	while (sync_load_relaxed(&r.freed) < sent)
		stack_barrier(st);
	stack_stop(st);
	cr_assert_gt(sent, rounds);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	stack_destroy(st);
}
