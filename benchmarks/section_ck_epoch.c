/* SPDX-License-Identifier: BSD-2-Clause */

/* Concurrency Kit's epochs.  The record is a thread's; ck passes it by hand. */

#include <ck_epoch.h>
#include <stdlib.h>

#include "benchmarks/section.h"

static ck_epoch_t epoch;
static __thread ck_epoch_record_t *record;

#define ENTER(s) ck_epoch_begin(record, NULL)
#define EXIT(s)  ck_epoch_end(record, NULL)

SECTION_READ(ck_epoch);
SECTION_NESTED(ck_epoch);

__attribute__((constructor)) static void
init(void)
{
	ck_epoch_init(&epoch);
}

static void
thread_init(void)
{
	record = ck_epoch_recycle(&epoch, NULL);
	if (record != NULL)
		return;
	record = aligned_alloc(
	    SYNC_CACHELINE, SYNC_ROUNDUP(sizeof(*record), SYNC_CACHELINE));
	if (record == NULL)
		abort();
	ck_epoch_register(&epoch, record, NULL);
}

/* A record can be used again but never freed. */
static void
thread_fini(void)
{
	ck_epoch_unregister(record);
	record = NULL;
}

static void
synchronize(void)
{
	ck_epoch_synchronize(record);
}

const struct section section_ck_epoch = {
    .name = "ck_epoch",
    .thread_init = thread_init,
    .thread_fini = thread_fini,
    .read = ck_epoch_read,
    .nested = ck_epoch_nested,
    .synchronize = synchronize,
};
