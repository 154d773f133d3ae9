/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Walking a list that may change, beside one that may not: sys/queue.h without
 * any order, urcu's rculist, and ck_queue.  A time is that of one entry; the
 * section is once a walk.
 */

#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "benchmarks/bench.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"

#ifdef BENCH_URCU
#include <urcu/rculist.h>
#endif
#ifdef BENCH_CK
#include <ck_queue.h>
#endif

/* One entry on each kind of list, so that all walk the same memory. */
struct object {
	struct pslist_entry entry;
	LIST_ENTRY(object) plain;
#ifdef BENCH_URCU
	struct cds_list_head rcu;
#endif
#ifdef BENCH_CK
	CK_LIST_ENTRY(object) ck;
#endif
	uint64_t value;
};

struct lists {
	struct pslist_head head;
	LIST_HEAD(, object) plain;
#ifdef BENCH_URCU
	struct cds_list_head rcu;
#endif
#ifdef BENCH_CK
	CK_LIST_HEAD(, object) ck;
#endif
	size_t length;
	struct object objects[];
};

static void
insert(struct lists *l, struct object *o)
{
	o->value = 1;
	pslist_entry_init(&o->entry);
	pslist_writer_insert_head(&l->head, &o->entry);
	LIST_INSERT_HEAD(&l->plain, o, plain);
#ifdef BENCH_URCU
	cds_list_add_rcu(&o->rcu, &l->rcu);
#endif
#ifdef BENCH_CK
	CK_LIST_INSERT_HEAD(&l->ck, o, ck);
#endif
}

static void *
setup(size_t length)
{
	struct lists *l =
	    calloc(1, sizeof(*l) + length * sizeof(l->objects[0]));

	if (l == NULL)
		abort();
	l->length = length;
	pslist_head_init(&l->head);
#ifdef BENCH_URCU
	CDS_INIT_LIST_HEAD(&l->rcu);
#endif
	for (size_t i = 0; i < length; i++)
		insert(l, &l->objects[i]);
	return l;
}

/* Walk until n entries have been seen; EACH is the loop over one walk. */
#define WALK(name, EACH)                                  \
	static void name(void *ctx, int thread, size_t n) \
	{                                                 \
		struct lists *l = ctx;                    \
		uint64_t sum = 0;                         \
                                                          \
		(void)thread;                             \
		for (size_t i = 0; i < n; i += l->length) \
			EACH;                             \
		BENCH_KEEP(sum);                          \
	}                                                 \
	_Static_assert(1, "takes the semicolon")

static inline uint64_t
pslist_once(struct lists *l)
{
	const uint64_t s = pserialize_read_enter();
	const struct object *o;
	uint64_t sum = 0;

	for (o = PSLIST_READER_FIRST(&l->head, struct object, entry); o != NULL;
	     o = PSLIST_READER_NEXT(o, struct object, entry))
		sum += o->value;
	pserialize_read_exit(s);
	return sum;
}
WALK(pslist_walk, sum += pslist_once(l));

static inline uint64_t
plain_once(struct lists *l)
{
	const struct object *o;
	uint64_t sum = 0;

	LIST_FOREACH(o, &l->plain, plain)
	sum += o->value;
	return sum;
}
WALK(plain_walk, sum += plain_once(l));

#ifdef BENCH_URCU
static inline uint64_t
rculist_once(struct lists *l)
{
	const struct object *o;
	uint64_t sum = 0;

	cds_list_for_each_entry_rcu(o, &l->rcu, rcu) sum += o->value;
	return sum;
}
WALK(rculist_walk, sum += rculist_once(l));
#endif

#ifdef BENCH_CK
static inline uint64_t
ck_once(struct lists *l)
{
	const struct object *o;
	uint64_t sum = 0;

	CK_LIST_FOREACH(o, &l->ck, ck)
	sum += o->value;
	return sum;
}
WALK(ck_walk, sum += ck_once(l));
#endif

#define ENTRY(module, fn)                                               \
	{                                                               \
		.name = module "/walk", .setup = setup, .run = fn,      \
		.teardown = free, .args = {8, 64, 512}, .threads = {1}, \
		.batch = 4096                                           \
	}

const struct bench bench_pslist[] = {
    ENTRY("pslist", pslist_walk),
    ENTRY("sys_queue", plain_walk),
#ifdef BENCH_URCU
    ENTRY("rculist", rculist_walk),
#endif
#ifdef BENCH_CK
    ENTRY("ck_queue", ck_walk),
#endif
    {.name = NULL},
};
