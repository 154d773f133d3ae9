/* SPDX-License-Identifier: BSD-2-Clause */

/* One producer, one consumer, more items than there are slots. */

#include "libsync/lfqueue/spsc.h"
#include "tests/wsim/wsim.h"

#define ITEMS 5

static struct lfqueue_spsc *q;
static int items[ITEMS]; /* plain: handed over by the queue */

static void *
produce(void *arg)
{
	(void)arg;
	for (int i = 0; i < ITEMS; i++) {
		items[i] = i + 1;
		while (!lfqueue_spsc_push(q, &items[i]))
			wsim_yield();
	}
	return NULL;
}

static void
check(const int *item, int i)
{
	wsim_assert(item == &items[i] && *item == i + 1);
}

WSIM_TEST(items_arrive_whole_and_in_order)
{
	wsim_assert(lfqueue_spsc_create(2, &q) == 0);
	(void)wsim_spawn(produce, NULL);
	for (int i = 0; i < ITEMS;) {
		int *item = lfqueue_spsc_pop(q);

		if (item == NULL) {
			wsim_yield();
			continue;
		}
		check(item, i++);
		*item = 0;
	}
	wsim_join_all();
	wsim_assert(lfqueue_spsc_empty(q));
	lfqueue_spsc_destroy(q);
}

static void *
produce_bulk(void *arg)
{
	void *all[ITEMS];
	size_t done = 0;

	(void)arg;
	for (int i = 0; i < ITEMS; i++) {
		items[i] = i + 1;
		all[i] = &items[i];
	}
	while (done < ITEMS) {
		size_t n = lfqueue_spsc_push_bulk(q, all + done, ITEMS - done);

		done += n;
		if (n == 0)
			wsim_yield();
	}
	return NULL;
}

WSIM_TEST(bulks_arrive_whole_and_in_order)
{
	void *got[3];
	int done = 0;

	wsim_assert(lfqueue_spsc_create(4, &q) == 0);
	(void)wsim_spawn(produce_bulk, NULL);
	while (done < ITEMS) {
		size_t n = lfqueue_spsc_pop_bulk(q, got, 3);

		for (size_t i = 0; i < n; i++)
			check(got[i], done++);
		if (n == 0)
			wsim_yield();
	}
	wsim_join_all();
	lfqueue_spsc_destroy(q);
}

static SYNC_ATOMIC(bool) tired;
static SYNC_ATOMIC(bool) woken;

static void *
produce_and_wake(void *arg)
{
	(void)arg;
	items[0] = 1;
	wsim_assert(lfqueue_spsc_push(q, &items[0]));
	/* acq_rel: pairs with the consumer's exchange. */
	if (sync_xchg_acq_rel(&tired, false))
		/* release: pairs with the acquire below. */
		sync_store_release(&woken, true);
	return NULL;
}

/* As lfqueue_spsc_empty() says: the push is seen or the consumer is woken. */
WSIM_TEST(sleeping_consumer_is_woken)
{
	int *item;

	wsim_assert(lfqueue_spsc_create(2, &q) == 0);
	(void)wsim_spawn(produce_and_wake, NULL);
	/* acq_rel: pairs with the producer's exchange. */
	(void)sync_xchg_acq_rel(&tired, true);
	if (lfqueue_spsc_empty(q))
		/* acquire: pairs with the release above. */
		while (!sync_load_acquire(&woken))
			wsim_yield();
	item = lfqueue_spsc_pop(q);
	wsim_assert(item != NULL);
	check(item, 0);
	wsim_join_all();
}
