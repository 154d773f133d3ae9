/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ordering pairs
 *   DEVICE  main stores now (release) -> device_open loads it (acquire): the
 *           device is filled in.
 */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/localcount/localcount.h"
#include "libsync/pserialize/pserialize.h"

struct device {
	int opened; /* by the main thread only */
	struct localcount count;
};

static struct {
	SYNC_ATOMIC(struct device *) now;
} shared;

/* Find the device and hold it, for as long as wanted; NULL: it is gone. */
static struct device *
device_open(void)
{
	const uint64_t section = pserialize_read_enter();
	/* DEVICE acquire: pairs with the release in main. */
	struct device *d = sync_load_acquire(&shared.now);

	if (d != NULL)
		localcount_acquire(&d->count);
	pserialize_read_exit(section);
	return d;
}

static void
device_detach(struct device *d)
{
	/* relaxed: nothing is found through it any more. */
	sync_store_relaxed(&shared.now, NULL);
	pserialize_perform();        /* nobody is about to acquire it */
	localcount_drain(&d->count); /* nobody holds it */
	localcount_fini(&d->count);
	free(d);
}

/* References may be released by another thread. */
static void *
closer(void *arg)
{
	struct device *d = arg;

	printf("closing what was opened %d time(s)\n", d->opened);
	localcount_release(&d->count);
	return NULL;
}

int
main(void)
{
	struct device *d = calloc(1, sizeof(*d));
	pthread_t t;

	if (d == NULL || localcount_init(&d->count) != 0)
		return 1;
	/* DEVICE release: pairs with the acquire in device_open. */
	sync_store_release(&shared.now, d);
	if (device_open() != d)
		return 1;
	d->opened++;
	if (pthread_create(&t, NULL, closer, d) != 0)
		return 1;
	device_detach(d); /* waits for the thread to close it */
	pthread_join(t, NULL);
	return device_open() != NULL;
}
