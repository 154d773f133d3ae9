/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"

struct device {
	unsigned number;
	struct psref_target target;
	struct pslist_entry entry;
};

static struct psref_class *devices_class;
static struct pslist_head devices;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of writers */

static void
device_attach(unsigned number)
{
	struct device *d = malloc(sizeof(*d));

	if (d == NULL)
		abort();
	d->number = number;
	psref_target_init(&d->target, devices_class);
	pslist_entry_init(&d->entry);
	pthread_mutex_lock(&lock);
	pslist_writer_insert_head(&devices, &d->entry);
	pthread_mutex_unlock(&lock);
}

static void
device_detach(struct device *d)
{
	pthread_mutex_lock(&lock);
	pslist_writer_remove(&d->entry);
	pthread_mutex_unlock(&lock);
	pserialize_perform(); /* nobody is about to acquire it any more */
	psref_target_destroy(&d->target, devices_class); /* nor holds it */
	pslist_entry_fini(&d->entry);
	free(d);
}

/* A reader that sleeps in the middle of its walk. */
static unsigned
devices_count(void)
{
	uint64_t section = pserialize_read_enter();
	struct psref ref;
	struct device *d;
	unsigned count;

again:
	count = 0;
	PSLIST_READER_FOREACH (d, &devices, entry) {
		bool linked;

		psref_acquire(&ref, &d->target, devices_class);
		pserialize_read_exit(section);
		printf("device %u\n", d->number); /* may sleep; d stays */
		section = pserialize_read_enter();
		linked = pslist_entry_linked(&d->entry);
		psref_release(&ref, &d->target, devices_class);
		if (!linked)
			goto again; /* its next pointer is out of date */
		count++;
	}
	pserialize_read_exit(section);
	return count;
}

static void *
detach_first(void *arg)
{
	device_detach(arg);
	return NULL;
}

int
main(void)
{
	pthread_t writer;

	if (psref_class_create("device", &devices_class) != 0)
		return 1;
	pslist_head_init(&devices);
	for (unsigned i = 1; i <= 3; i++)
		device_attach(i);
	if (devices_count() != 3)
		return 1;
	if (pthread_create(&writer, NULL, detach_first,
		PSLIST_WRITER_FIRST(&devices, struct device, entry)) != 0)
		return 1;
	(void)devices_count(); /* 2 or 3, and no device is gone under it */
	pthread_join(writer, NULL);
	if (devices_count() != 2)
		return 1;
	while (pslist_writer_first(&devices) != NULL)
		device_detach(
		    PSLIST_WRITER_FIRST(&devices, struct device, entry));
	pslist_head_fini(&devices);
	psref_class_destroy(devices_class);
	return 0;
}
