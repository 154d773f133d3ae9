/* SPDX-License-Identifier: BSD-2-Clause */

/* Read sections against writers that unlink, wait for a grace period, free. */

#include <stdlib.h>

#include "libsync/pserialize/domain.h"
#include "libsync/pserialize/pserialize.h"
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
	/* acquire: pairs with the release in replace. */
	const struct object *o = sync_load_acquire(&shared.now);

	wsim_assert(o->value == 1 || o->value == 2 || o->value == 3);
}

static void
read_once(void)
{
	const uint64_t s = pserialize_read_enter();

	look();
	pserialize_read_exit(s);
}

static void *
read_n(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		read_once();
	return NULL;
}

static struct object *
replace(struct object *new)
{
	/* acq_rel: pairs with the acquire in look, and with itself. */
	return sync_xchg_acq_rel(&shared.now, new);
}

static void
write_once(int value)
{
	struct object *old = replace(make(value));

	pserialize_perform();
	free(old);
}

static void
run(int readers, int sections)
{
	sync_init(&shared.now, make(1));
	for (int i = 0; i < readers; i++)
		(void)wsim_spawn(read_n, &sections);
	write_once(2);
	wsim_join_all();
}

WSIM_TEST(one_reader_one_section)
{
	run(1, 1);
}

WSIM_TEST(one_reader_two_sections)
{
	run(1, 2);
}

WSIM_TEST(two_readers_two_sections)
{
	run(2, 2);
}

WSIM_MUST_FAIL(freed_without_grace_period, WSIM_UAF)
{
	int sections = 2;

	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_n, &sections);
	free(replace(make(2)));
	wsim_join_all();
}

static void *
read_nested(void *arg)
{
	const uint64_t outer = pserialize_read_enter();

	(void)arg;
	read_once();
	look();
	pserialize_read_exit(outer);
	return NULL;
}

WSIM_TEST(inner_exit_keeps_the_outer_section)
{
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_nested, NULL);
	write_once(2);
	wsim_join_all();
}

static void
handler(void *arg)
{
	(void)arg;
	read_once();
}

static void *
read_interrupted(void *arg)
{
	(void)arg;
	wsim_interrupt(wsim_self(), handler, NULL);
	read_once();
	read_once();
	return NULL;
}

WSIM_TEST(handler_reads_at_any_point)
{
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_interrupted, NULL);
	write_once(2);
	wsim_join_all();
}

static void
handler_twice(void *arg)
{
	handler(arg);
	handler(arg);
}

static SYNC_ATOMIC(int) out; /* of its last section */

static void *
read_interrupted_last(void *arg)
{
	(void)arg;
	wsim_interrupt(wsim_self(), handler_twice, NULL);
	read_once();
	wsim_mask();
	/* release: pairs with the acquire in the writer. */
	sync_store_release(&out, 1);
	while (sync_load_acquire(&out) != 2)
		wsim_yield();
	return NULL;
}

/*
 * A scan may find a handler inside its second section, and the entry below it
 * put the word back; then it must not look as if the handler were still there.
 */
WSIM_TEST(nobody_inside_holds_nothing_up)
{
	uint64_t gp;

	sync_init(&shared.now, make(1));
	sync_init(&out, 0);
	(void)wsim_spawn(read_interrupted_last, NULL);
	gp = pserialize_poll_start();
	(void)pserialize_poll_advance();
	/* acquire: pairs with the release of the reader. */
	while (sync_load_acquire(&out) != 1)
		wsim_yield();
	for (int i = 0; i < 4 && !pserialize_poll(gp); i++)
		(void)pserialize_poll_advance();
	wsim_assert(pserialize_poll(gp));
	/* release: as above. */
	sync_store_release(&out, 2);
	wsim_join_all();
}

static void *
write_other(void *arg)
{
	write_once(*(int *)arg);
	return NULL;
}

WSIM_TEST(two_writers_share_grace_periods)
{
	int value = 3, sections = 2;

	sync_init(&shared.now, make(1));
	(void)wsim_spawn(write_other, &value);
	(void)wsim_spawn(read_n, &sections);
	write_once(2);
	wsim_join_all();
}

WSIM_TEST(polls_find_the_end)
{
	int sections = 2;
	struct object *old;
	uint64_t gp;

	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_n, &sections);
	old = replace(make(2));
	gp = pserialize_poll_start();
	while (!pserialize_poll(gp)) {
		(void)pserialize_poll_advance();
		wsim_yield();
	}
	free(old);
	wsim_join_all();
}

static SYNC_ATOMIC(bool) freed;

static void *
advance(void *arg)
{
	(void)arg;
	for (;;) {
		(void)pserialize_poll_advance();
		wsim_yield();
		/* relaxed: orders nothing, as the poll is to. */
		if (sync_load_relaxed(&freed))
			return NULL;
	}
}

static void *
perform_twice(void *arg)
{
	(void)arg;
	pserialize_perform();
	pserialize_perform();
	return NULL;
}

/* The poll alone orders the readers' loads before the free. */
static void
poll_only(void *(*worker)(void *), int sections)
{
	struct object *old;
	uint64_t gp;

	sync_init(&shared.now, make(1));
	(void)wsim_spawn(read_n, &sections);
	(void)wsim_spawn(worker, NULL);
	old = replace(make(2));
	gp = pserialize_poll_start();
	for (int i = 0; i < 20 && !pserialize_poll(gp); i++)
		wsim_yield();
	if (pserialize_poll(gp))
		free(old);
	/* relaxed: see advance. */
	sync_store_relaxed(&freed, true);
	wsim_join_all();
}

WSIM_TEST(poll_sees_what_another_advanced)
{
	poll_only(advance, 1);
}

WSIM_TEST(poll_sees_what_another_performed)
{
	poll_only(perform_twice, 1);
}

static void *
churn(void *arg)
{
	int one = 1;

	(void)arg;
	(void)wsim_join(wsim_spawn(read_n, &one));
	(void)wsim_join(wsim_spawn(read_n, &one));
	return NULL;
}

WSIM_TEST(threads_come_and_go)
{
	sync_init(&shared.now, make(1));
	(void)wsim_spawn(churn, NULL);
	write_once(2);
	wsim_join_all();
}

static char name[2]; /* plain: who does not have it by the domain races */
static SYNC_ATOMIC(unsigned) told;

static void *
ask(void *arg)
{
	/* relaxed: the number alone, so that the domain has to order the
	 * name. */
	const unsigned d = sync_load_relaxed(&told);
	const char *found = d != 0 ? pserialize_domain_name(d) : NULL;

	(void)arg;
	if (found != NULL)
		wsim_assert(found[0] == 'd' && found[1] == '\0');
	return NULL;
}

WSIM_TEST(domain_that_is_in_use_has_its_name)
{
	unsigned d;

	(void)wsim_spawn(ask, NULL);
	name[0] = 'd';
	wsim_assert(pserialize_domain_create(name, &d) == 0);
	/* relaxed: see ask. */
	sync_store_relaxed(&told, d);
	wsim_join_all();
	wsim_assert(pserialize_domain_name(d) == name);
}
