/* SPDX-License-Identifier: BSD-2-Clause */

/* Workers without fences against writers, and domains against each other. */

#include <stdlib.h>

#include "libsync/pserialize/domain.h"
#include "tests/wsim/wsim.h"

struct object {
	int value;
};

static struct {
	SYNC_ATOMIC(struct object *) now;
} shared;

static struct object *
make(int value)
{
	struct object *o = malloc(sizeof(*o));

	o->value = value;
	return o;
}

static void
look(void)
{
	/* acquire: pairs with the exchange in write_once. */
	const struct object *o = sync_load_acquire(&shared.now);

	wsim_assert(o->value == 1 || o->value == 2);
}

static void
read_once(unsigned domain)
{
	const uint64_t s = pserialize_domain_enter(domain);

	look();
	pserialize_domain_exit(domain, s);
}

static void
write_once(unsigned domain)
{
	/* acq_rel: pairs with the acquire in look. */
	struct object *old = sync_xchg_acq_rel(&shared.now, make(2));

	pserialize_domain_perform(domain);
	free(old);
}

static void
begin(void)
{
	(void)sync_fence_choose(SYNC_FENCE_QSBR);
	sync_init(&shared.now, make(1));
}

static void *
worker(void *arg)
{
	pserialize_online();
	for (int i = 0; i < *(int *)arg; i++) {
		read_once(0);
		pserialize_quiescent();
	}
	pserialize_offline();
	return NULL;
}

static void
run(void *(*fn)(void *), int turns)
{
	begin();
	(void)wsim_spawn(fn, &turns);
	write_once(0);
	wsim_join_all();
}

WSIM_TEST(worker_reads_between_quiescent_states)
{
	run(worker, 3);
}

/* What no program may do, but the fences have to allow for: handlers do. */
static void *
loose_worker(void *arg)
{
	(void)worker(arg);
	pserialize_online();
	look();
	pserialize_quiescent();
	look();
	pserialize_offline();
	return NULL;
}

WSIM_TEST(worker_is_waited_for_while_it_is_online)
{
	begin();
	if (sync_fence_mode() == SYNC_FENCE_QSBR) /* or forced otherwise */
		run(loose_worker, 1);
}

static void
handler(void *arg)
{
	(void)arg;
	read_once(0);
}

static void *
interrupted(void *arg)
{
	wsim_interrupt(wsim_self(), handler, NULL);
	return worker(arg);
}

WSIM_TEST(handler_of_a_worker_reads_at_any_point)
{
	run(interrupted, 2);
}

static void *
on_and_off(void *arg)
{
	(void)worker(arg);
	read_once(0); /* with a fence of its own */
	return worker(arg);
}

WSIM_TEST(worker_goes_offline_and_comes_back)
{
	run(on_and_off, 1);
}

static void *
writing_worker(void *arg)
{
	pserialize_online();
	read_once(0);
	write_once(0);
	read_once(0);
	pserialize_offline();
	return arg;
}

WSIM_TEST(worker_waits_for_another_worker)
{
	int turns = 2;

	begin();
	(void)wsim_spawn(worker, &turns);
	(void)wsim_spawn(writing_worker, NULL);
	wsim_join_all();
}

static void *
read_in_domain(void *arg)
{
	read_once(*(unsigned *)arg);
	return NULL;
}

WSIM_TEST(domain_waits_for_its_readers)
{
	unsigned domain = 3;

	(void)pserialize_domain_claim(domain, "test");
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_in_domain, &domain);
	write_once(domain);
	wsim_join_all();
}

WSIM_MUST_FAIL(wrong_domain_waits_for_nobody, WSIM_UAF)
{
	unsigned domain = 3;

	(void)pserialize_domain_claim(domain, "test");
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_in_domain, &domain);
	write_once(2);
	wsim_join_all();
}
