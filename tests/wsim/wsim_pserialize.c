/* SPDX-License-Identifier: BSD-2-Clause */

/* Read sections against writers that unlink, wait and free. */

#include <stdlib.h>

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
read_once(void)
{
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the release in replace. */
	const struct object *o = sync_load_acquire(&shared.now);

	wsim_assert(o->value == 1 || o->value == 2);
	pserialize_read_exit(s);
}

static void *
reader(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		read_once();
	return NULL;
}

static struct object *
replace(struct object *new)
{
	/* relaxed: there is one writer. */
	struct object *old = sync_load_relaxed(&shared.now);

	/* release: pairs with the acquire in read_once. */
	sync_store_release(&shared.now, new);
	return old;
}

static void
run(int readers, int sections)
{
	struct object *old;

	sync_init(&shared.now, make(1));
	for (int i = 0; i < readers; i++)
		(void)wsim_spawn(reader, &sections);
	old = replace(make(2));
	pserialize_perform();
	free(old);
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
	(void)wsim_spawn(reader, &sections);
	free(replace(make(2)));
	wsim_join_all();
}
