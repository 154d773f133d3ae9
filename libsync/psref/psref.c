/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each thread owns slots and stores the address of what it holds in one of
 * them, as with hazard pointers.  Acquire needs no fence, as the target is
 * destroyed only a grace period after the last section that could acquire it.
 * Destroying looks through all slots until none names the target.
 *
 * Copies.  A scan may look at a slot before a copy stores there, and at the
 * slot it was copied from after that is released, and miss both.  While a
 * target drains, each copy counts in it, between its own store and any
 * release of the original; a scan that saw the original gone thus sees the
 * count changed and starts again.  Counting all copies, also of targets that
 * do not drain, would let a busy thread hold up the scan for ever.
 *
 * Waking.  A release cannot look into the target any more, which may be gone.
 * It looks into one of a few process-wide buckets chosen by the address.
 *
 * The end of a drain is a grace period, because a reader may release inside a
 * section and follow the element's next pointer afterwards.
 *
 * Invariants
 *   I1  A slot is either free, and then holds the address of the next free
 *       one with FREE set, or the address of a target.
 *   I2  Only its thread stores into a slot or into its free list.
 *   I3  Blocks of slots are on a list that only grows while the record is
 *       on the registry.
 *
 * Ordering pairs
 *   SLOT   acquire, copy and release store a slot (release) -> the scan loads
 *          it (acquire): what was done under a reference happens before the
 *          scan that finds it gone.  All stores are releases: a relaxed
 *          acquire would break the release sequence of the release before it.
 *   COUNT  a reference without slot is added to and taken from overflow
 *          (release) -> the scan loads it (acquire): likewise.
 *   COPY   copy adds to copies (release) -> the scan loads it (acquire).
 *   BELL   release rings seq (release) -> drain loads it (acquire) before it
 *          scans: a ring that is missed is followed by a scan.
 * Draining and waiters are stored, then a heavy fence, then slots are loaded;
 * copy and release store a slot, then a light fence, then load those.
 *
 * Reclamation: a record's blocks are freed when its thread ends, after it left
 * the registry under the mutex that scans hold.
 */

#include "libsync/psref/psref.h"

#include <errno.h>
#include <stddef.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"

#define SLOTS   63
#define FREE    ((uintptr_t)1)
#define BUCKETS 64

/* For the test that must fail without the count. */
#ifdef PSREF_MUT_NO_COPIES
#define PSREF_IGNORE_COPIES true
#else
#define PSREF_IGNORE_COPIES false
#endif

/* [c] constant  [a] atomic */
struct psref_class {
	SYNC_ATOMIC(uint32_t) targets; /* [a] initialised, not destroyed */
	char name[32];                 /* [c] */
};

/* [a] atomic, I2  [c] constant once linked */
struct block {
	struct block *next;             /* [c] */
	struct psref_slot slots[SLOTS]; /* [a] */
};

/* [o] its thread only  [r] registry mutex; the thread may read blocks alone */
static __thread struct record {
	struct psref_slot *free; /* [o] */
	bool registered;         /* [o] */
	struct block *blocks;    /* [r] */
	struct record *next;     /* [r] */
	struct record **prevp;   /* [r] */
} record __attribute__((tls_model("initial-exec")));

static struct {
	struct port_mutex mutex;
	struct record *first;       /* [r] */
	struct port_exit exit_hook; /* [c] */
} reg = {.mutex = PORT_MUTEX_INIT};

/* [a] atomic */
static struct bucket {
	SYNC_ATOMIC(uint32_t) waiters; /* [a] drains of targets in here */
	struct port_event seq;         /* [a] rung by releases */
} __attribute__((aligned(SYNC_CACHELINE))) buckets[BUCKETS];

static struct bucket *
bucket_of(const struct psref_target *t)
{
	uintptr_t h = (uintptr_t)t / sizeof(*t);

	return &buckets[(h ^ (h >> 6) ^ (h >> 12)) % BUCKETS];
}

int
psref_class_create(const char *name, struct psref_class **out)
{
	struct psref_class *cl = port_alloc(sizeof(*cl));

	if (cl == NULL)
		return -ENOMEM;
	for (size_t i = 0; i + 1 < sizeof(cl->name) && name[i] != '\0'; i++)
		cl->name[i] = name[i];
	*out = cl;
	return 0;
}

void
psref_class_destroy(struct psref_class *cl)
{
	/* relaxed: the caller has seen all its targets destroyed. */
	SYNC_REQUIRE(sync_load_relaxed(&cl->targets) == 0);
	port_free(cl);
}

void
psref_target_init(struct psref_target *t, struct psref_class *cl)
{
	t->cls = cl;
	sync_init(&t->draining, 0);
	sync_init(&t->copies, 0);
	sync_init(&t->overflow, 0);
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&cl->targets, 1);
}

static void
thread_gone(void *arg)
{
	struct record *r = (struct record *)arg;
	struct block *next;

	SYNC_REQUIRE(r == &record);
	port_mutex_lock(&reg.mutex);
	*r->prevp = r->next;
	if (r->next != NULL)
		r->next->prevp = r->prevp;
	port_mutex_unlock(&reg.mutex);
	for (struct block *b = r->blocks; b != NULL; b = next) {
		next = b->next;
		for (int i = 0; i < SLOTS; i++)
			/* relaxed: our own.  Fails: a reference was leaked. */
			SYNC_REQUIRE(
			    (sync_load_relaxed(&b->slots[i].word) & FREE) != 0);
		port_free(b);
	}
	*r = (struct record){.registered = false};
}

static void
fork_prepare(void)
{
	port_mutex_lock(&reg.mutex);
}

static void
fork_parent(void)
{
	port_mutex_unlock(&reg.mutex);
}

/* Keep our record only; who held the others' references does not exist. */
static void
fork_child(void)
{
	reg.first = NULL;
	if (record.registered) {
		reg.first = &record;
		record.next = NULL;
		record.prevp = &reg.first;
	}
	for (int i = 0; i < BUCKETS; i++)
		/* relaxed: the child's only thread. */
		sync_store_relaxed(&buckets[i].waiters, 0);
	port_mutex_init(&reg.mutex);
}

PORT_START void
start(void)
{
	port_exit_create(&reg.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_parent, fork_child);
}

/*
 * Give this thread more slots, and put it on the registry.
 * Returns: a free slot, or NULL without memory.
 */
static __attribute__((noinline)) struct psref_slot *
grow(void)
{
	struct record *r = &record;
	struct block *b = port_alloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	for (int i = 0; i < SLOTS; i++) {
		struct psref_slot *next =
		    i + 1 < SLOTS ? &b->slots[i + 1] : NULL;

		sync_init(&b->slots[i].word, (uintptr_t)next | FREE);
	}
	port_mutex_lock(&reg.mutex);
	b->next = r->blocks;
	r->blocks = b;
	if (!r->registered) {
		port_exit_arm(&reg.exit_hook, r);
		r->next = reg.first;
		r->prevp = &reg.first;
		if (r->next != NULL)
			r->next->prevp = &r->next;
		reg.first = r;
		r->registered = true;
	}
	port_mutex_unlock(&reg.mutex);
	r->free = &b->slots[0];
	return r->free;
}

/* Say that this thread holds t. */
static void
hold(struct psref *ref, struct psref_target *t)
{
	struct record *r = &record;
	struct psref_slot *s = r->free;
	uintptr_t next;

	ref->target = t;
	ref->owner = r;
	if (__builtin_expect(s == NULL, 0))
		s = grow();
	ref->slot = s;
	if (__builtin_expect(s == NULL, 0)) {
		/* COUNT release: pairs with the acquire in held_by_anyone. */
		sync_fetch_add_release(&t->overflow, 1);
		return;
	}
	/* relaxed: our own slot. */
	next = sync_load_relaxed(&s->word);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a tagged pointer, I1. */
	r->free = (struct psref_slot *)(next & ~FREE);
	/* SLOT release: pairs with the acquire in held_by_anyone. */
	sync_store_release(&s->word, (uintptr_t)t);
}

void
psref_acquire(struct psref *ref, struct psref_target *t, struct psref_class *cl)
{
	SYNC_ASSERT(t->cls == cl);
	/* relaxed: a wrong use found or not. */
	SYNC_ASSERT(sync_load_relaxed(&t->draining) == 0);
	(void)cl;
	hold(ref, t);
}

/* A drain of a target in this bucket may be waiting for us. */
static __attribute__((noinline)) void
ring(struct bucket *b)
{
	/* BELL release: pairs with the acquire in drain. */
	sync_fetch_add_release(&b->seq.word, 1);
	port_event_wake(&b->seq);
}

void
psref_release(struct psref *ref, struct psref_target *t, struct psref_class *cl)
{
	struct record *r = &record;
	struct psref_slot *s = ref->slot;
	struct bucket *b = bucket_of(t);

	SYNC_ASSERT(ref->target == t && ref->owner == r);
	SYNC_ASSERT(t->cls == cl);
	(void)cl;
	ref->target = NULL;
	if (__builtin_expect(s != NULL, 1)) {
		/* relaxed: our own slot. */
		SYNC_ASSERT(sync_load_relaxed(&s->word) == (uintptr_t)t);
		/* SLOT release: pairs with the acquire in held_by_anyone. */
		sync_store_release(&s->word, (uintptr_t)r->free | FREE);
		r->free = s;
	} else {
		/* COUNT release: pairs with the acquire in held_by_anyone. */
		sync_fetch_sub_release(&t->overflow, 1);
	}
	sync_fence_light();
	/* relaxed: the pair of fences orders it after the slot. */
	if (__builtin_expect(sync_load_relaxed(&b->waiters) != 0, 0))
		ring(b);
}

void
psref_copy(struct psref *to, const struct psref *from, struct psref_class *cl)
{
	struct psref_target *t = from->target;

	SYNC_ASSERT(t != NULL && from->owner == &record && t->cls == cl);
	(void)cl;
	hold(to, t);
	sync_fence_light();
	/* relaxed: the pair of fences orders it after the slot. */
	if (__builtin_expect(sync_load_relaxed(&t->draining) != 0, 0))
		/* COPY release: pairs with the acquires in drain. */
		sync_fetch_add_release(&t->copies, 1);
}

static bool
slots_hold(const struct psref_target *t)
{
	for (const struct block *b = record.blocks; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++)
			/* relaxed: our own slot. */
			if (sync_load_relaxed(&b->slots[i].word) ==
			    (uintptr_t)t)
				return true;
	return false;
}

bool
psref_held(const struct psref_target *t, const struct psref_class *cl)
{
	SYNC_ASSERT(t->cls == cl);
	(void)cl;
	/* relaxed: a guess, see the contract. */
	return slots_hold(t) || sync_load_relaxed(&t->overflow) != 0;
}

static bool
block_holds(const struct block *b, const struct psref_target *t)
{
	for (int i = 0; i < SLOTS; i++) {
		SYNC_POINT("psref_scan");
		/* SLOT acquire: pairs with the releases of the holders. */
		if (sync_load_acquire(&b->slots[i].word) == (uintptr_t)t)
			return true;
	}
	return false;
}

static bool
held_by_anyone(const struct psref_target *t)
{
	bool held;

	port_mutex_lock(&reg.mutex);
	/* COUNT acquire: pairs with the releases in hold and release. */
	held = sync_load_acquire(&t->overflow) != 0;
	for (struct record *r = reg.first; r != NULL && !held; r = r->next)
		for (struct block *b = r->blocks; b != NULL && !held;
		     b = b->next)
			held = block_holds(b, t);
	port_mutex_unlock(&reg.mutex);
	return held;
}

/* Wait until nobody holds t. */
static void
drain(struct psref_target *t)
{
	struct bucket *b = bucket_of(t);
	uint32_t seq, copies;

	/* relaxed: the heavy fence orders it before the scans. */
	sync_store_relaxed(&t->draining, 1);
	/* relaxed: as above. */
	sync_fetch_add_relaxed(&b->waiters, 1);
	sync_fence_heavy();
	for (;;) {
		/* BELL acquire: pairs with the release in ring. */
		seq = sync_load_acquire(&b->seq.word);
		/* COPY acquire: pairs with the release in copy. */
		copies = sync_load_acquire(&t->copies);
		if (held_by_anyone(t)) {
			port_event_wait(&b->seq, seq, 0);
			continue;
		}
		/* COPY acquire: as above. */
		if (sync_load_acquire(&t->copies) == copies ||
		    PSREF_IGNORE_COPIES)
			break;
	}
	/* relaxed: at worst somebody rings for nothing. */
	sync_fetch_add_relaxed(&b->waiters, (uint32_t)-1);
}

void
psref_target_destroy(struct psref_target *t, struct psref_class *cl)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(t->cls == cl);
	SYNC_REQUIRE(!slots_hold(t)); /* would wait for itself */
	drain(t);
	SYNC_POINT("psref_drained");
#ifndef PSREF_MUT_NO_FINAL_GP /* for the test that must fail without it */
	pserialize_perform();
#endif
	t->cls = NULL;
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&cl->targets, (uint32_t)-1);
}
