/* SPDX-License-Identifier: BSD-2-Clause */

/* Deferred calls: after a grace period, in order, all before the barrier. */

#include <stdlib.h>

#include "libsync/pserialize/domain.h"
#include "libsync/pserialize/host.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct object {
	struct pserialize_head head; /* first: the callback is given it */
	int value;
};

static struct {
	SYNC_ATOMIC(struct object *) now;
	int freed; /* by the reclaimer; read behind the barrier */
} shared;

static struct object *
make(int value)
{
	struct object *o = malloc(sizeof(*o));

	o->value = value;
	return o;
}

static void
free_object(struct pserialize_head *head)
{
	struct object *o = (struct object *)(void *)head;

	wsim_assert(o->value == shared.freed + 1);
	shared.freed = o->value;
	free(o);
}

static void *
reader(void *arg)
{
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the exchange in write_once. */
	const struct object *o = sync_load_acquire(&shared.now);

	(void)arg;
	wsim_assert(o->value >= 1 && o->value <= 3);
	pserialize_read_exit(s);
	return NULL;
}

static void
write_once(int value)
{
	struct object *old;

	/* acq_rel: pairs with the acquire in reader. */
	old = sync_xchg_acq_rel(&shared.now, make(value));
	pserialize_call(&old->head, free_object);
}

WSIM_TEST(call_waits_for_the_reader)
{
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(reader, NULL);
	write_once(2);
	pserialize_barrier();
	wsim_assert(shared.freed == 1);
	wsim_join_all();
}

WSIM_TEST(calls_of_a_thread_run_in_order)
{
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(reader, NULL);
	write_once(2);
	write_once(3);
	pserialize_barrier();
	wsim_assert(shared.freed == 2);
	wsim_join_all();
}

static void *
call_and_end(void *arg)
{
	const uint64_t s = pserialize_read_enter();

	(void)arg;
	write_once(2);
	pserialize_read_exit(s);
	return NULL;
}

WSIM_TEST(calls_survive_their_thread)
{
	int t;

	sync_init(&shared.now, make(1));
	t = wsim_spawn(call_and_end, NULL);
	(void)wsim_spawn(reader, NULL);
	(void)wsim_join(t);
	pserialize_barrier();
	wsim_assert(shared.freed == 1);
	wsim_join_all();
}

static void
answer(struct pserialize_head *head)
{
	(void)head;
	shared.freed++;
}

/* The reclaimer that has fallen asleep is woken by each later call. */
WSIM_TEST(call_wakes_the_reclaimer)
{
	static struct pserialize_head heads[2];

	for (int i = 0; i < 2; i++) {
		pserialize_call(&heads[i], answer);
		pserialize_barrier();
		wsim_assert(shared.freed == i + 1);
	}
}

static SYNC_ATOMIC(int) called;

static void
say_called(struct pserialize_head *head)
{
	(void)head;
	/* relaxed: only whether it ran. */
	sync_store_relaxed(&called, 1);
}

/* Without a barrier, which wakes as well: the light fence against the heavy. */
WSIM_TEST(no_call_is_slept_through)
{
	static struct pserialize_head first, second;

	pserialize_call(&first, answer);
	pserialize_barrier();
	pserialize_call(&second, say_called);
	/* relaxed: as above. */
	while (sync_load_relaxed(&called) == 0)
		wsim_yield();
}

static uint64_t told;

static void
note_bytes(unsigned domain, uint64_t bytes)
{
	(void)domain;
	told = bytes;
}

static void
handler_calls(void *arg)
{
	static struct pserialize_head head;

	(void)arg;
	pserialize_domain_call(0, &head, answer, 100);
}

/* When nothing waits but the last call, its bytes are all. */
WSIM_TEST(call_interrupted_by_a_call_is_counted_once)
{
	const struct pserialize_limit limit = {
	    .hard = 1, .policy = PSERIALIZE_NOTIFY, .fn = note_bytes};
	static struct pserialize_head heads[2];

	pserialize_set_limit(0, &limit);
	pserialize_read_exit(pserialize_read_enter());
	wsim_interrupt(wsim_self(), handler_calls, NULL);
	pserialize_domain_call(0, &heads[0], answer, 100);
	wsim_mask();
	pserialize_barrier();
	pserialize_domain_call(0, &heads[1], answer, 100);
	wsim_assert(told == 100);
	pserialize_barrier();
	wsim_unmask();
}
