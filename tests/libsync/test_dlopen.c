/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libsync comes with a plug-in, into a program that has threads already.  The
 * plug-in is linked with -z nodelete: libsync has a thread of its own and is
 * called when a thread ends, so its code has to stay.
 */

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "tests/libsync/dlopen_plugin.h"

#define THREADS 4

/* [c] constant once the second wait at turn is over */
struct host {
	void *handle;                       /* [c] */
	const struct dlopen_plugin *plugin; /* [c] */
	uint64_t value;                     /* [c] */
	pthread_barrier_t turn;
};

static void
load(struct host *h)
{
	h->handle = dlopen(DLOPEN_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(h->handle, "%s", dlerror());
	h->plugin = dlsym(h->handle, "dlopen_plugin");
	cr_assert_not_null(h->plugin);
}

/* Older than the plug-in, and ends after it was closed. */
static void *
user(void *arg)
{
	struct host *h = arg;

	pthread_barrier_wait(&h->turn);
	pthread_barrier_wait(&h->turn);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(h->plugin->read(&h->value), 42);
	h->plugin->wait();
	pthread_barrier_wait(&h->turn);
	pthread_barrier_wait(&h->turn);
	return NULL;
}

Test(dlopen, serves_threads_older_than_it_and_outlives_its_handle)
{
	struct host h = {.value = 42};
	pthread_t t[THREADS];

	pthread_barrier_init(&h.turn, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, user, &h), 0);
	pthread_barrier_wait(&h.turn);
	load(&h);
	pthread_barrier_wait(&h.turn);
	h.plugin->wait();
	pthread_barrier_wait(&h.turn);
	cr_assert_eq(dlclose(h.handle), 0);
	pthread_barrier_wait(&h.turn);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(t[i], NULL), 0);
}

/* What has it may find no room in a program that runs. */
Test(dlopen, wants_no_static_thread_locals)
{
	struct link_map *map = NULL;
	struct host h = {.value = 42};

	load(&h);
	cr_assert_eq(dlinfo(h.handle, RTLD_DI_LINKMAP, &map), 0);
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		cr_assert_not(d->d_tag == DT_FLAGS &&
			      (d->d_un.d_val & DF_STATIC_TLS) != 0);
}
