/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Well-known algorithms, right and with one bug each: what the simulator is
 * able to find, whatever libsync does.  A bug is one bit; the numbers are those
 * of the usual list of mutations, where there is one.
 */

#include <stdlib.h>

#include "libsync/base/atomic.h"
#include "tests/wsim/wsim.h"

static unsigned bugs; /* of the test that runs */

enum bug {
	PUBLISH_RELAXED = 1,       /* M01 */
	DEREFERENCE_RELAXED = 2,   /* M02 */
	EXIT_RELAXED = 4,          /* M03 */
	NO_WAIT = 8,               /* M04 */
	NO_HEAVY = 16,             /* M05 */
	SCAN_RELAXED = 32,         /* M07 */
	EPOCH_RELAXED = 64,        /* M08 */
	ENTRY_RELAXED = 128,       /* M09 */
	NO_TAG = 256,              /* M12 */
	NO_SECOND_LOOK = 512,      /* M13 */
	NO_PROTECTION = 1024,      /* M14 */
	CLEAR_RELAXED = 2048,      /* M18, where the owner frees */
	NO_WRITER_FENCE = 1 << 12, /* M24 */
	END_RELAXED = 1 << 13,     /* M25 */
	BEGIN_RELAXED = 1 << 14,   /* M26 */
	NO_READER_FENCE = 1 << 15, /* M27 */
	NO_CHECK = 1 << 16         /* M28 */
};

#define LOAD(p, order, bug)                 \
	/* relaxed: if the bug is there. */ \
	((bugs & (bug)) ? sync_load_relaxed(p) : sync_load_##order(p))
#define STORE(p, v, order, bug)  \
	/* relaxed: as above. */ \
	((bugs & (bug)) ? sync_store_relaxed(p, v) : sync_store_##order(p, v))

struct object {
	int value;
};

static struct object *
make(int value)
{
	struct object *o = malloc(sizeof(*o));

	o->value = value;
	return o;
}

/* Epochs with an asymmetric fence. */

static SYNC_ATOMIC(struct object *) current;
static SYNC_ATOMIC(unsigned) epoch;
static SYNC_ATOMIC(unsigned) reported[2]; /* 0: in no section */
static int sections;

static void *
epoch_read(void *arg)
{
	const int me = *(int *)arg;

	for (int i = 0; i < sections; i++) {
		const unsigned e = LOAD(&epoch, acquire, EPOCH_RELAXED);
		const struct object *o;

		STORE(&reported[me], e, release, ENTRY_RELAXED);
		o = LOAD(&current, acquire, DEREFERENCE_RELAXED);
		wsim_assert(o->value == 1 || o->value == 2);
		STORE(&reported[me], 0, release, EXIT_RELAXED);
	}
	return NULL;
}

static void
epoch_wait(int readers)
{
	/* relaxed: there is one writer. */
	const unsigned e = sync_load_relaxed(&epoch) + 1;

	STORE(&epoch, e, release, EPOCH_RELAXED);
	if ((bugs & NO_HEAVY) == 0)
		wsim_membarrier();
	for (int i = 0; i < readers; i++) {
		unsigned r = LOAD(&reported[i], acquire, SCAN_RELAXED);

		while (r != 0 && r < e) {
			wsim_yield();
			r = LOAD(&reported[i], acquire, SCAN_RELAXED);
		}
	}
}

static void
epoch_run(unsigned with, int readers, int n)
{
	static int ids[] = {0, 1};
	struct object *old = make(1);

	bugs = with;
	sections = n;
	sync_init(&current, old);
	sync_init(&epoch, 1);
	for (int i = 0; i < readers; i++)
		(void)wsim_spawn(epoch_read, &ids[i]);
	STORE(&current, make(2), release, PUBLISH_RELAXED);
	if ((bugs & NO_WAIT) == 0)
		epoch_wait(readers);
	free(old);
	wsim_join_all();
}

WSIM_TEST(epoch_reclamation)
{
	epoch_run(0, 2, 2);
}

#define EPOCH_BUG(name, class, bug, readers, n) \
	WSIM_MUST_FAIL(name, class)             \
	{                                       \
		epoch_run(bug, readers, n);     \
	}

EPOCH_BUG(epoch_publish_relaxed, WSIM_RACE, PUBLISH_RELAXED, 1, 1)
EPOCH_BUG(epoch_dereference_relaxed, WSIM_RACE, DEREFERENCE_RELAXED, 1, 1)
EPOCH_BUG(epoch_exit_relaxed, WSIM_UAF, EXIT_RELAXED, 1, 1)
EPOCH_BUG(epoch_no_wait, WSIM_UAF, NO_WAIT, 1, 1)
EPOCH_BUG(epoch_no_heavy, WSIM_UAF, NO_HEAVY, 1, 1)
EPOCH_BUG(epoch_scan_relaxed, WSIM_UAF, SCAN_RELAXED, 1, 1)
EPOCH_BUG(epoch_epoch_relaxed, WSIM_UAF, EPOCH_RELAXED, 1, 1)
EPOCH_BUG(epoch_entry_relaxed, WSIM_UAF, ENTRY_RELAXED, 1, 2)

/* A stack whose nodes are used again, hence its top has a tag. */

static struct node {
	SYNC_ATOMIC(unsigned) next; /* index + 1, 0: none */
} nodes[3];

static SYNC_ATOMIC(uint32_t) top; /* tag << 8 | index + 1 */
static SYNC_ATOMIC(int) owners[3];

static uint32_t
new_top(uint32_t old, unsigned index)
{
	return (bugs & NO_TAG) ? index : ((old >> 8) + 1) << 8 | index;
}

static void
stack_push(unsigned index)
{
	/* relaxed: the exchange checks it. */
	uint32_t old = sync_load_relaxed(&top);

	/* relaxed: the node is ours.  It was given up before it is linked. */
	sync_fetch_add_relaxed(&owners[index - 1], -1);
	do {
		/* relaxed: the exchange releases it. */
		sync_store_relaxed(&nodes[index - 1].next, old & 0xff);
		/* release: pairs with the acquires in stack_pop. */
	} while (!sync_cas_release(&top, &old, new_top(old, index)));
}

static unsigned
stack_pop(void)
{
	/* acquire: pairs with the release in stack_push. */
	uint32_t old = sync_load_acquire(&top);
	unsigned next;

	do {
		if ((old & 0xff) == 0)
			return 0;
		/* relaxed: the exchange checks that it was still linked. */
		next = sync_load_relaxed(&nodes[(old & 0xff) - 1].next);
		/* acq_rel: pairs with the release in stack_push. */
	} while (!sync_cas_acq_rel(&top, &old, new_top(old, next)));
	/* relaxed: counts owners. */
	wsim_assert(sync_fetch_add_relaxed(&owners[(old & 0xff) - 1], 1) == 0);
	return old & 0xff;
}

static void *
stack_pop_two(void *arg)
{
	(void)stack_pop();
	(void)stack_pop();
	return arg;
}

static void *
stack_pop_two_push_one(void *arg)
{
	const unsigned first = stack_pop();

	(void)stack_pop();
	if (first != 0)
		stack_push(first);
	return arg;
}

static void
stack_run(unsigned with)
{
	bugs = with;
	for (int i = 0; i < 2; i++)
		sync_init(&owners[i], 1);
	stack_push(1);
	stack_push(2);
	(void)wsim_spawn(stack_pop_two, NULL);
	(void)wsim_spawn(stack_pop_two_push_one, NULL);
	wsim_join_all();
}

WSIM_TEST(tagged_stack)
{
	stack_run(0);
}

WSIM_MUST_FAIL(stack_without_tag, WSIM_ASSERT)
{
	stack_run(NO_TAG);
}

/* A hazard pointer: one reader protects what the writer replaces. */

static SYNC_ATOMIC(struct object *) hazard;

static void *
hazard_read(void *arg)
{
	/* acquire: pairs with the exchange in hazard_run. */
	struct object *o = sync_load_acquire(&current), *again;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		while ((bugs & NO_PROTECTION) == 0) {
			/* release: pairs with the acquire in hazard_run. */
			sync_store_release(&hazard, o);
			if ((bugs & NO_SECOND_LOOK) != 0)
				break;
			/* acquire: as above. */
			again = sync_load_acquire(&current);
			if (again == o)
				break;
			o = again;
		}
		wsim_assert(o->value == 1 || o->value == 2);
		STORE(&hazard, NULL, release, CLEAR_RELAXED);
		/* acquire: as above. */
		o = sync_load_acquire(&current);
	}
	return NULL;
}

static void
hazard_run(unsigned with)
{
	struct object *old;

	bugs = with;
	sync_init(&current, make(1));
	(void)wsim_spawn(hazard_read, NULL);
	/* acq_rel: pairs with the acquires in hazard_read. */
	old = sync_xchg_acq_rel(&current, make(2));
	if ((bugs & NO_HEAVY) == 0)
		wsim_membarrier();
	while ((bugs & NO_WAIT) == 0 &&
	       LOAD(&hazard, acquire, SCAN_RELAXED) == old)
		wsim_yield();
	free(old);
	wsim_join_all();
}

WSIM_TEST(hazard_pointer)
{
	hazard_run(0);
}

#define HAZARD_BUG(name, bug)          \
	WSIM_MUST_FAIL(name, WSIM_UAF) \
	{                              \
		hazard_run(bug);       \
	}

HAZARD_BUG(hazard_no_second_look, NO_SECOND_LOOK)
HAZARD_BUG(hazard_no_protection, NO_PROTECTION)
HAZARD_BUG(hazard_no_heavy, NO_HEAVY)
HAZARD_BUG(hazard_no_scan, NO_WAIT)
HAZARD_BUG(hazard_scan_relaxed, SCAN_RELAXED)
HAZARD_BUG(hazard_clear_relaxed, CLEAR_RELAXED)

/* A sequence lock. */

static SYNC_ATOMIC(unsigned) sequence;
static SYNC_ATOMIC(int) data[2];

static void *
sequence_write(void *arg)
{
	for (int i = 1; i <= 2; i++) {
		/* relaxed: the fence orders it. */
		sync_store_relaxed(&sequence, 2 * (unsigned)i - 1);
		if ((bugs & NO_WRITER_FENCE) == 0)
			__atomic_thread_fence(__ATOMIC_RELEASE);
		/* relaxed: the sequence orders. */
		sync_store_relaxed(&data[0], i);
		/* relaxed: as above. */
		sync_store_relaxed(&data[1], i);
		STORE(&sequence, 2 * (unsigned)i, release, END_RELAXED);
	}
	return arg;
}

static void
sequence_run(unsigned with)
{
	bugs = with;
	(void)wsim_spawn(sequence_write, NULL);
	for (int k = 0; k < 4; k++) {
		const unsigned begin = LOAD(&sequence, acquire, BEGIN_RELAXED);
		/* relaxed: the sequence orders. */
		const int a = sync_load_relaxed(&data[0]);
		/* relaxed: as above. */
		const int b = sync_load_relaxed(&data[1]);

		if ((bugs & NO_READER_FENCE) == 0)
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((begin & 1) != 0)
			continue;
		/* relaxed: the fence orders it. */
		if ((bugs & NO_CHECK) == 0 &&
		    sync_load_relaxed(&sequence) != begin)
			continue;
		wsim_assert(a == b);
	}
	wsim_join_all();
}

WSIM_TEST(sequence_lock)
{
	sequence_run(0);
}

#define SEQUENCE_BUG(name, bug)           \
	WSIM_MUST_FAIL(name, WSIM_ASSERT) \
	{                                 \
		sequence_run(bug);        \
	}

SEQUENCE_BUG(sequence_no_writer_fence, NO_WRITER_FENCE)
SEQUENCE_BUG(sequence_end_relaxed, END_RELAXED)
SEQUENCE_BUG(sequence_begin_relaxed, BEGIN_RELAXED)
SEQUENCE_BUG(sequence_no_reader_fence, NO_READER_FENCE)
SEQUENCE_BUG(sequence_no_check, NO_CHECK)
