/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queues whose links lie in the items.  Items are pushed again right after
 * they were popped, which is where a link without a version is mistaken.
 */

#include "tests/kernel/flow.h"

static struct {
	struct lfqueue_mpsc mpsc;
	struct lfqueue_stack stack;
	struct lfqueue_atomicq atomicq;
} heads;

static struct flow_item *
item_of(void *link, size_t offset)
{
	return link == NULL ? NULL : (void *)((char *)link - offset);
}

static bool
mpsc_push(struct flow_item *item)
{
	lfqueue_mpsc_push(&heads.mpsc, &item->node);
	return true;
}

static struct flow_item *
mpsc_pop(void)
{
	return item_of(
	    lfqueue_mpsc_pop(&heads.mpsc), offsetof(struct flow_item, node));
}

static bool
stack_push(struct flow_item *item)
{
	lfqueue_stack_push(&heads.stack, &item->stacked);
	return true;
}

static struct flow_item *
stack_pop(void)
{
	return item_of(lfqueue_stack_pop(&heads.stack),
	    offsetof(struct flow_item, stacked));
}

/* Take all, and put all but one back. */
static struct flow_item *
stack_pop_all(void)
{
	struct lfqueue_stack_node *n = lfqueue_stack_pop_all(&heads.stack);
	struct lfqueue_stack_node *first, *last;

	if (n == NULL)
		return NULL;
	first = last = lfqueue_stack_next(n);
	while (last != NULL && lfqueue_stack_next(last) != NULL)
		last = lfqueue_stack_next(last);
	if (first != NULL)
		lfqueue_stack_push_all(&heads.stack, first, last);
	return item_of(n, offsetof(struct flow_item, stacked));
}

static bool
atomicq_push(struct flow_item *item)
{
	lfqueue_atomicq_push_fifo(&heads.atomicq, item);
	return true;
}

/* At either end, in turn. */
static bool
atomicq_push_ends(struct flow_item *item)
{
	if (item->number % 2 == 0)
		lfqueue_atomicq_push_fifo(&heads.atomicq, item);
	else
		lfqueue_atomicq_push_lifo(&heads.atomicq, item);
	return true;
}

static struct flow_item *
atomicq_pop(void)
{
	return lfqueue_atomicq_pop(&heads.atomicq);
}

/* Take all, and put all but one back. */
static struct flow_item *
atomicq_pop_all(void)
{
	struct flow_item *it = lfqueue_atomicq_pop_all(&heads.atomicq);
	struct flow_item *next, *after;

	if (it == NULL)
		return NULL;
	for (next = lfqueue_atomicq_next(&heads.atomicq, it); next != NULL;
	     next = after) {
		after = lfqueue_atomicq_next(&heads.atomicq, next);
		lfqueue_atomicq_push_fifo(&heads.atomicq, next);
	}
	return it;
}

#define NODES 16
#define TAKEN 3

/*
 * Everybody takes three and puts them back in another order.  A pop that is
 * held up meanwhile finds the same node on top, over another one.
 */
static struct {
	struct flow_item items[NODES];
	bool (*push)(struct flow_item *item);
	struct flow_item *(*pop)(void);
	SYNC_ATOMIC(uint32_t) done;    /* [a] threads */
	SYNC_ATOMIC(uint32_t) handled; /* [a] calls of handlers */
} shuffle;

static unsigned
shuffle_turn(void)
{
	struct flow_item *it[TAKEN];
	unsigned n = 0;

	while (n < TAKEN && (it[n] = shuffle.pop()) != NULL) {
		/* relaxed: the pop orders it; who gets it twice is seen. */
		ktest_check(sync_xchg_relaxed(&it[n]->queued, 0) == 1);
		n++;
	}
	for (unsigned i = 1; i <= n; i++) {
		/* relaxed: as above, by the push. */
		sync_store_relaxed(&it[i % n]->queued, 1);
		(void)shuffle.push(it[i % n]);
	}
	return n;
}

static void
shuffle_handler(void *arg)
{
	(void)arg;
	if (ktest_failed())
		return;
	(void)shuffle_turn();
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&shuffle.handled, 1);
}

static void
shuffle_thread(unsigned me, void *arg)
{
	const unsigned rounds = ktest_rounds();
	uint32_t turns = 0;

	(void)me, (void)arg;
	/* relaxed: only ends loops; here and below. */
	while (sync_load_relaxed(&shuffle.done) < ktest_threads() &&
	       !ktest_failed()) {
		(void)shuffle_turn();
		turns++;
		/* relaxed: as above. */
		if (turns == 1000 * rounds)
			sync_fetch_add_relaxed(&shuffle.done, 1);
		if (turns % 16 == 0)
			ktest_relax();
	}
	ktest_ops(turns);
}

static void
shuffle_run(bool (*push)(struct flow_item *), struct flow_item *(*pop)(void))
{
	unsigned left = 0;

	shuffle.push = push;
	shuffle.pop = pop;
	sync_init(&shuffle.done, 0);
	sync_init(&shuffle.handled, 0);
	for (unsigned i = 0; i < NODES; i++) {
		sync_init(&shuffle.items[i].queued, 1);
		shuffle.items[i].number = i;
		(void)push(&shuffle.items[i]);
	}
	if (ktest_timer(KTEST_TIMER_US, shuffle_handler, NULL)) {
		ktest_check(
		    ktest_run(ktest_threads(), shuffle_thread, NULL) == 0);
		ktest_timer_stop();
	} else {
		ktest_skip("no timer");
	}
	while (left <= NODES && pop() != NULL)
		left++;
	ktest_check(left == NODES);
}

static void
test_mpsc(void)
{
	lfqueue_mpsc_init(&heads.mpsc);
	flow_run(&(struct flow){.push = mpsc_push,
	    .pop = mpsc_pop,
	    .fifo = true,
	    .one_consumer = true,
	    .handlers = true,
	    .items = 200});
	ktest_check(lfqueue_mpsc_empty(&heads.mpsc));
}

static void
test_stack(void)
{
	lfqueue_stack_init(&heads.stack);
	flow_run(&(struct flow){.push = stack_push,
	    .pop = stack_pop,
	    .handlers = true,
	    .items = 1000});
	ktest_check(lfqueue_stack_empty(&heads.stack));
}

static void
test_stack_all(void)
{
	lfqueue_stack_init(&heads.stack);
	flow_run(&(struct flow){.push = stack_push,
	    .pop = stack_pop_all,
	    .handlers = true,
	    .items = 400});
	ktest_check(lfqueue_stack_empty(&heads.stack));
}

static void
test_stack_shuffle(void)
{
	lfqueue_stack_init(&heads.stack);
	shuffle_run(stack_push, stack_pop);
}

static void
atomicq_run(const struct flow *f)
{
	lfqueue_atomicq_init(&heads.atomicq, offsetof(struct flow_item, link));
	flow_run(f);
	ktest_check(lfqueue_atomicq_peek(&heads.atomicq) == NULL);
}

static void
test_atomicq(void)
{
	atomicq_run(&(struct flow){.push = atomicq_push,
	    .pop = atomicq_pop,
	    .fifo = true,
	    .handlers = true,
	    .items = 1000});
}

static void
test_atomicq_ends(void)
{
	atomicq_run(&(struct flow){.push = atomicq_push_ends,
	    .pop = atomicq_pop_all,
	    .handlers = true,
	    .items = 400});
}

static void
test_atomicq_shuffle(void)
{
	lfqueue_atomicq_init(&heads.atomicq, offsetof(struct flow_item, link));
	shuffle_run(atomicq_push_ends, atomicq_pop);
}

const struct ktest_case ktest_intrusive[] = {
    {"lfqueue_mpsc", test_mpsc},
    {"lfqueue_stack", test_stack},
    {"lfqueue_stack_all", test_stack_all},
    {"lfqueue_stack_shuffle", test_stack_shuffle},
    {"lfqueue_atomicq", test_atomicq},
    {"lfqueue_atomicq_ends", test_atomicq_ends},
    {"lfqueue_atomicq_shuffle", test_atomicq_shuffle},
    {NULL, NULL},
};
