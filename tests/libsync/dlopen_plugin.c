/* SPDX-License-Identifier: BSD-2-Clause */

/* A plug-in with libsync in it, built with -DLIBSYNC_TLS_DYNAMIC. */

#include "tests/libsync/dlopen_plugin.h"

#include "libsync/pserialize/pserialize.h"

static uint64_t
read_one(const uint64_t *p)
{
	const uint64_t s = pserialize_read_enter();
	const uint64_t value = *p;

	pserialize_read_exit(s);
	return value;
}

static void
nothing(struct pserialize_head *head)
{
	(void)head;
}

static void
wait_once(void)
{
	struct pserialize_head head;

	pserialize_perform();
	pserialize_call(&head, nothing);
	pserialize_barrier();
}

extern const struct dlopen_plugin dlopen_plugin;
const struct dlopen_plugin dlopen_plugin = {
    .read = read_one, .wait = wait_once};
