/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queues of pointers.  They are small, so that they are full and empty all
 * the time.
 */

#include "libsync/lfqueue/mpmc.h"
#include "libsync/lfqueue/pcq.h"
#include "libsync/lfqueue/segq.h"
#include "libsync/lfqueue/spsc.h"
#include "tests/kernel/flow.h"

#define CAPACITY 8

static struct {
	struct lfqueue_spsc *spsc;
	struct lfqueue_mpmc *mpmc;
	struct lfqueue_pcq *pcq;
	struct lfqueue_segq *segq;
} queues;

static bool
spsc_push(struct flow_item *item)
{
	return lfqueue_spsc_push(queues.spsc, item);
}

static struct flow_item *
spsc_pop(void)
{
	return lfqueue_spsc_pop(queues.spsc);
}

static bool
mpmc_push(struct flow_item *item)
{
	return lfqueue_mpmc_push(queues.mpmc, item);
}

static struct flow_item *
mpmc_pop(void)
{
	return lfqueue_mpmc_pop(queues.mpmc);
}

static bool
mpmc_push_bulk(struct flow_item *item)
{
	void *const items[1] = {item};

	return lfqueue_mpmc_push_bulk(queues.mpmc, items, 1) == 1;
}

static struct flow_item *
mpmc_pop_bulk(void)
{
	void *items[1];

	return lfqueue_mpmc_pop_bulk(queues.mpmc, items, 1) == 1 ? items[0]
								 : NULL;
}

static bool
pcq_push(struct flow_item *item)
{
	return lfqueue_pcq_put(queues.pcq, item);
}

static struct flow_item *
pcq_pop(void)
{
	return lfqueue_pcq_get(queues.pcq);
}

static bool
segq_push(struct flow_item *item)
{
	return lfqueue_segq_push(queues.segq, item) == 0;
}

static struct flow_item *
segq_pop(void)
{
	return lfqueue_segq_pop(queues.segq);
}

static void
test_spsc(void)
{
	ktest_need(lfqueue_spsc_create(CAPACITY, &queues.spsc) == 0);
	flow_run(&(struct flow){.push = spsc_push,
	    .pop = spsc_pop,
	    .fifo = true,
	    .one_producer = true,
	    .one_consumer = true,
	    .items = 600});
	if (!ktest_failed())
		lfqueue_spsc_destroy(queues.spsc);
}

static void
mpmc_run(const struct flow *f, unsigned flags)
{
	ktest_need(lfqueue_mpmc_create(CAPACITY, flags, &queues.mpmc) == 0);
	flow_run(f);
	if (!ktest_failed())
		lfqueue_mpmc_destroy(queues.mpmc);
}

static void
test_mpmc(void)
{
	mpmc_run(&(struct flow){.push = mpmc_push,
		     .pop = mpmc_pop,
		     .fifo = true,
		     .handlers = true,
		     .items = 1000},
	    0);
}

static void
test_mpmc_bulk(void)
{
	mpmc_run(&(struct flow){.push = mpmc_push_bulk,
		     .pop = mpmc_pop_bulk,
		     .fifo = true,
		     .handlers = true,
		     .items = 1000},
	    0);
}

static void
test_mpmc_one_consumer(void)
{
	mpmc_run(&(struct flow){.push = mpmc_push,
		     .pop = mpmc_pop,
		     .fifo = true,
		     .one_consumer = true,
		     .handlers = true,
		     .items = 100},
	    LFQUEUE_MPMC_ONE_CONSUMER);
}

static void
test_pcq(void)
{
	ktest_need(lfqueue_pcq_create(CAPACITY + 5, &queues.pcq) == 0);
	flow_run(&(struct flow){.push = pcq_push,
	    .pop = pcq_pop,
	    .fifo = true,
	    .handlers = true,
	    .items = 1000});
	if (!ktest_failed())
		lfqueue_pcq_destroy(queues.pcq);
}

static void
test_segq(void)
{
	ktest_need(lfqueue_segq_create(&queues.segq) == 0);
	flow_run(&(struct flow){
	    .push = segq_push, .pop = segq_pop, .fifo = true, .items = 1000});
	if (!ktest_failed())
		lfqueue_segq_destroy(queues.segq);
}

const struct ktest_case ktest_lfqueue[] = {
    {"lfqueue_spsc", test_spsc},
    {"lfqueue_mpmc", test_mpmc},
    {"lfqueue_mpmc_bulk", test_mpmc_bulk},
    {"lfqueue_mpmc_one_consumer", test_mpmc_one_consumer},
    {"lfqueue_pcq", test_pcq},
    {"lfqueue_segq", test_segq},
    {NULL, NULL},
};
