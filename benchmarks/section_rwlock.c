/* SPDX-License-Identifier: BSD-2-Clause */

/* What one would do without any of this. */

#include <pthread.h>

#include "benchmarks/section.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

#define ENTER(s) pthread_rwlock_rdlock(&lock)
#define EXIT(s)  pthread_rwlock_unlock(&lock)

SECTION_READ(rwlock);
SECTION_NESTED(rwlock);

static void
synchronize(void)
{
	pthread_rwlock_wrlock(&lock);
	pthread_rwlock_unlock(&lock);
}

const struct section section_rwlock = {
    .name = "pthread_rwlock",
    .read = rwlock_read,
    .nested = rwlock_nested,
    .synchronize = synchronize,
};
