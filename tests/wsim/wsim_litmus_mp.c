/* SPDX-License-Identifier: BSD-2-Clause */

/* Message passing: the smallest test, with its negative controls. */

#include "libsync/base/atomic.h"
#include "tests/wsim/wsim.h"

static int data;
static struct {
	SYNC_ATOMIC(int) set;
} flag;

static void *
send_release(void *arg)
{
	(void)arg;
	data = 42;
	/* release: pairs with the acquire in receive. */
	sync_store_release(&flag.set, 1);
	return NULL;
}

static void *
send_relaxed(void *arg)
{
	(void)arg;
	data = 42;
	/* relaxed: the bug. */
	sync_store_relaxed(&flag.set, 1);
	return NULL;
}

static void
receive(void)
{
	/* acquire: pairs with the release in send_release. */
	if (sync_load_acquire(&flag.set) != 0)
		wsim_assert(data == 42);
}

WSIM_TEST(release_hands_data_over)
{
	(void)wsim_spawn(send_release, NULL);
	receive();
}

WSIM_MUST_FAIL(relaxed_flag_races, WSIM_RACE)
{
	(void)wsim_spawn(send_relaxed, NULL);
	receive();
}
