/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Keeping one object: a passive reference and a count in cells, beside an
 * atomic reference count, on one object that all threads want.
 */

#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"
#include "libsync/localcount/localcount.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"

struct psref_object {
	struct psref_class *class;
	struct psref_target target;
};

static void *
psref_setup(size_t arg)
{
	struct psref_object *o = calloc(1, sizeof(*o));

	(void)arg;
	if (o == NULL || psref_class_create("bench", &o->class) != 0)
		abort();
	psref_target_init(&o->target, o->class);
	return o;
}

static void
psref_run(void *ctx, int thread, size_t n)
{
	struct psref_object *o = ctx;
	struct psref ref;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		const uint64_t s = pserialize_read_enter();

		psref_acquire(&ref, &o->target, o->class);
		pserialize_read_exit(s);
		psref_release(&ref, &o->target, o->class);
	}
}

static void
psref_teardown(void *ctx)
{
	struct psref_object *o = ctx;

	pserialize_perform();
	psref_target_destroy(&o->target, o->class);
	psref_class_destroy(o->class);
	free(o);
}

/* A reference that another thread could release. */
static void
psref_handoff_run(void *ctx, int thread, size_t n)
{
	struct psref_object *o = ctx;
	struct psref ref;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		const uint64_t s = pserialize_read_enter();

		psref_acquire(&ref, &o->target, o->class);
		pserialize_read_exit(s);
		psref_handoff(&ref, o->class);
		psref_release(&ref, &o->target, o->class);
	}
}

static void *
localcount_setup(size_t arg)
{
	struct localcount *lc = calloc(1, sizeof(*lc));

	(void)arg;
	if (lc == NULL || localcount_init(lc) != 0)
		abort();
	return lc;
}

static void
localcount_run(void *lc, int thread, size_t n)
{
	(void)thread;
	for (size_t i = 0; i < n; i++) {
		const uint64_t s = pserialize_read_enter();

		localcount_acquire(lc);
		pserialize_read_exit(s);
		localcount_release(lc);
	}
}

static void
localcount_teardown(void *lc)
{
	localcount_drain(lc);
	localcount_fini(lc);
	free(lc);
}

struct counted_object {
	SYNC_ATOMIC(unsigned long) refs;
};

static void *
counted_setup(size_t arg)
{
	(void)arg;
	return calloc(1, sizeof(struct counted_object));
}

static void
counted_run(void *ctx, int thread, size_t n)
{
	struct counted_object *o = ctx;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		const uint64_t s = pserialize_read_enter();

		/* relaxed: the section keeps the object alive. */
		sync_fetch_add_relaxed(&o->refs, 1);
		pserialize_read_exit(s);
		/* acq_rel: as a reference count must; nobody frees here. */
		sync_fetch_sub_acq_rel(&o->refs, 1);
	}
}

const struct bench bench_psref[] = {
    {.name = "psref/acquire_release",
	.setup = psref_setup,
	.run = psref_run,
	.teardown = psref_teardown,
	.threads = {1, 2}},
    {.name = "psref/acquire_handoff_release",
	.setup = psref_setup,
	.run = psref_handoff_run,
	.teardown = psref_teardown,
	.threads = {1, 2}},
    {.name = "localcount/acquire_release",
	.setup = localcount_setup,
	.run = localcount_run,
	.teardown = localcount_teardown,
	.threads = {1, 2}},
    {.name = "atomic_count/acquire_release",
	.setup = counted_setup,
	.run = counted_run,
	.teardown = free,
	.threads = {1, 2}},
    {.name = NULL},
};
