/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One object at a time: what a reader pays to protect it, and a writer to free
 * it, beside hazard pointers with a full fence on the read side.
 */

#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/hazard/hazard.h"
#include "libsync/port/local.h"

#ifdef BENCH_CK
#include <ck_hp.h>
#endif

struct hazard_object {
	struct hazard_head head;
	struct hazard_object *next;
};

struct hazard_bench {
	struct hazard_ptr link;
	struct hazard_object object;
};

static void *
hazard_setup(size_t arg)
{
	struct hazard_bench *b = calloc(1, sizeof(*b));

	(void)arg;
	if (b == NULL)
		abort();
	hazard_publish(&b->link, &b->object);
	return b;
}

static void
hazard_run(void *ctx, int thread, size_t n)
{
	struct hazard_bench *b = ctx;
	struct hazard h;

	(void)thread;
	if (hazard_init(&h) != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		BENCH_KEEP(hazard_protect(&h, &b->link));
		hazard_clear(&h);
	}
	hazard_fini(&h);
}

/* With a place for it each time, as a function that needs one does. */
static void
hazard_place_run(void *ctx, int thread, size_t n)
{
	struct hazard_bench *b = ctx;
	struct hazard h;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		if (hazard_init(&h) != 0)
			abort();
		BENCH_KEEP(hazard_protect(&h, &b->link));
		hazard_fini(&h);
	}
}

#define OBJECTS 1024

/* Objects that come back to the thread that retires them. */
static PORT_THREAD_LOCAL struct hazard_object *spare;

static void
hazard_back(struct hazard_head *head)
{
	struct hazard_object *o = (struct hazard_object *)(void *)head;

	o->next = spare;
	spare = o;
}

static void
hazard_objects(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct hazard_object *o = calloc(1, sizeof(*o));

		if (o == NULL)
			abort();
		hazard_back(&o->head);
	}
}

static void
hazard_retire_run(void *ctx, int thread, size_t n)
{
	(void)ctx;
	(void)thread;
	for (size_t i = 0; i < n; i++) {
		struct hazard_object *o = spare;

		spare = o->next;
		hazard_retire(&o->head, o, hazard_back);
	}
}

static void
hazard_objects_end(void)
{
	struct hazard_object *o;

	if (hazard_reclaim() != 0)
		abort();
	while ((o = spare) != NULL) {
		spare = o->next;
		free(o);
	}
}

#ifdef BENCH_CK
static ck_hp_t ck_state;
static PORT_THREAD_LOCAL ck_hp_record_t ck_record;
static PORT_THREAD_LOCAL void *ck_pointers[4];

static void
ck_back(void *object)
{
	(void)object;
}

static void *
ck_setup(size_t arg)
{
	void **link = calloc(1, sizeof(*link));

	(void)arg;
	if (link == NULL)
		abort();
	*link = link;
	return link;
}

/* The state must be there before any thread registers. */
__attribute__((constructor)) static void
ck_start(void)
{
	ck_hp_init(&ck_state, 1, 64, ck_back);
}

static void
ck_thread_init(void)
{
	ck_hp_register(&ck_state, &ck_record, ck_pointers);
}

static void
ck_thread_fini(void)
{
	ck_hp_unregister(&ck_record);
}

static void
ck_run(void *ctx, int thread, size_t n)
{
	void **link = ctx;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		void *p;

		do {
			p = ck_pr_load_ptr(link);
			ck_hp_set_fence(&ck_record, 0, p);
		} while (ck_pr_load_ptr(link) != p);
		BENCH_KEEP(p);
		ck_hp_clear(&ck_record);
	}
}
#endif

const struct bench bench_hazard[] = {
    {.name = "hazard/protect_clear",
	.setup = hazard_setup,
	.run = hazard_run,
	.teardown = free,
	.threads = {1, 2}},
    {.name = "hazard/place_protect_clear",
	.setup = hazard_setup,
	.run = hazard_place_run,
	.teardown = free,
	.threads = {1, 2}},
    {.name = "hazard/retire",
	.setup = hazard_setup,
	.thread_init = hazard_objects,
	.run = hazard_retire_run,
	.thread_fini = hazard_objects_end,
	.teardown = free,
	.threads = {1, 2}},
#ifdef BENCH_CK
    {.name = "ck_hp/protect_clear",
	.setup = ck_setup,
	.thread_init = ck_thread_init,
	.run = ck_run,
	.thread_fini = ck_thread_fini,
	.teardown = free,
	.threads = {1, 2}},
#endif
    {.name = NULL},
};
