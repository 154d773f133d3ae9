/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each thread has a record with slots; records are never freed, but used again
 * by other threads, so that a scan needs no lock.  A reader stores an object's
 * address in a slot and looks whether the object is still linked; a writer has
 * unlinked it and looks at the slots.  With a light fence between the two steps
 * of the reader, and a heavy one between those of the writer, one of them sees
 * the other.
 *
 * A scan needs no memory: it puts the retired objects on the chains of a small
 * hash table in the record, and takes out of it what the slots name.
 *
 * Copies.  A scan may look at a slot before a copy stores there, and at the
 * one it was copied from after that was cleared, and miss both.  Each copy
 * counts in its record, between the two; a scan that finds the count changed
 * looks at that record again.  A thread that copies all the time is made to
 * wait after HAZARD_TRIES: it looks at frozen between the two steps, and the scan
 * stores that and fences heavily before it looks for the last time.
 *
 * Bound.  A scan leaves no more objects than there are slots, and a thread
 * scans when it has as many as hazard_limit(), twice that number.
 *
 * Invariants
 *   I1  A slot holds what is protected, or NULL; only its thread stores there.
 *   I2  Records, and the blocks of a record, are on lists that only grow.
 *   I3  A retired object is on exactly one of: the list of a record, its
 *       chains, the orphans, a cohort, the stack of a scan.
 *
 * Ordering pairs
 *   SLOT    protect, set, copy and clear store a slot (release) -> the scan
 *           loads it (acquire): what was done under protection happens before
 *           the object is freed.  All are releases: a relaxed one would break
 *           the release sequence of the clear before it.  Killed by: mutants
 *           hazard-scan-relaxed, -clear-relaxed, -move-on-relaxed.
 *   LINK    publish stores a link (release) -> protect loads it (acquire): the
 *           object is filled in.  Killed by: mutants hazard-publish-relaxed,
 *           hazard-protect-relaxed.
 *   COPIES  copy counts (release) -> the scan loads it (acquire) before it
 *           looks at the record: what was counted then is in the slots.
 *           Killed by: mutants hazard-copy-counts-relaxed,
 *           hazard-copies-not-compared.
 *   FROZEN  the scan thaws a record (release) -> copy loads it (acquire): what
 *           is cleared after a copy was looked at before.  Killed by: mutant
 *           hazard-copy-does-not-wait.
 *   RECORD  a record is put on the list (release) -> scans walk it (acquire).
 *           Killed by: mutant hazard-record-relaxed.
 *   BLOCK   a block is put on a record's list (release) -> scans walk it
 *           (acquire).  Killed by: mutant hazard-block-relaxed.
 *   OWNER   an ending thread gives its record back (release) -> the next takes
 *           it (acquire).  Killed by: mutant hazard-owner-relaxed.
 *   LIST    objects are pushed on the orphans or a cohort (release) -> they
 *           are taken from there (acquire).  Killed by: mutant
 *           hazard-orphans-relaxed.
 *
 * Reclamation: records and blocks are never freed; their number is that of the
 * threads, and of their slots, that there have been at a time.
 */

#include "libsync/hazard/hazard.h"

#include "libsync/port/port.h"
#include "libsync/port/types.h"

#define SLOTS   7
#define BATCH   64
#define BUCKETS 64

/* Looks at a record that copies before it is frozen; a test has none. */
#ifndef HAZARD_TRIES
#define HAZARD_TRIES 2
#endif

#define SLEEP_MIN_NS 10000u
#define SLEEP_MAX_NS 1000000u

/* [c] constant once linked  [a] atomic, I1 */
struct block {
	struct block *next;              /* [c] */
	struct hazard_slot slots[SLOTS]; /* [a] */
};

struct list {
	struct hazard_head *first;
	uint32_t count;
};

/* [a] atomic  [o] the thread that has taken it  [c] constant once linked */
struct hazard_record {
	SYNC_ATOMIC(uint32_t) taken;         /* [a] by a thread */
	SYNC_ATOMIC(uint32_t) copies;        /* [a] made by that */
	SYNC_ATOMIC(uint32_t) frozen;        /* [a] scans that want none */
	SYNC_ATOMIC(struct block *) blocks;  /* [a] */
	struct hazard_record *next;          /* [c] */
	struct hazard_slot *free;            /* [o] */
	uint32_t used;                       /* [o] slots that are not free */
	bool scanning;                       /* [o] */
	struct list retired;                 /* [o] */
	struct list kept;                    /* [o] by the running scan */
	struct hazard_head *chains[BUCKETS]; /* [o] of the running scan */
};

static PORT_THREAD_LOCAL struct hazard_record *self;

/* [a] atomic  [c] constant after start  [s] who holds spare_mutex */
static struct {
	SYNC_ATOMIC(struct hazard_record *) first; /* [a] */
	SYNC_ATOMIC(uint32_t) slots;               /* [a] in all records */
	struct hazard_cohort orphans;              /* [a] of no thread */
	struct port_mutex spare_mutex;
	struct hazard_record spare; /* [s] has no slots */
	struct port_exit exit_hook; /* [c] */
} hz = {.spare_mutex = PORT_MUTEX_INIT};

static void
list_push(struct list *l, struct hazard_head *h)
{
	h->next = l->first;
	l->first = h;
	l->count++;
}

/* Move l to c, for anybody to take. */
static void
give(struct hazard_cohort *c, struct list *l)
{
	struct hazard_head *last = l->first, *seen;

	if (last == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	/* relaxed: only a number. */
	sync_fetch_add_relaxed(&c->count, l->count);
	/* relaxed: only compared and stored. */
	seen = sync_load_relaxed(&c->first);
	do {
		last->next = seen;
		SYNC_POINT("hazard_give");
		/* LIST release: pairs with the acquire in take. */
	} while (!sync_cas_release(&c->first, &seen, l->first));
	*l = (struct list){.first = NULL};
}

/* Move all of c to l. */
static void
take(struct hazard_cohort *c, struct list *l)
{
	struct hazard_head *h, *next;
	uint32_t n = 0;

	/* relaxed: what is missed here is there the next time. */
	if (sync_load_relaxed(&c->first) == NULL)
		return;
	/* LIST acquire: pairs with the release in give. */
	h = sync_xchg_acquire(&c->first, NULL);
	for (; h != NULL; h = next, n++) {
		next = h->next;
		list_push(l, h);
	}
	/* relaxed: only a number. */
	sync_fetch_add_relaxed(&c->count, -n);
}

uint32_t
hazard_limit(void)
{
	/* relaxed: only a number. */
	const uint32_t twice = 2 * sync_load_relaxed(&hz.slots);

	return twice > BATCH ? twice : BATCH;
}

static struct hazard_head **
chain_of(struct hazard_record *r, const void *object)
{
	const uintptr_t a = (uintptr_t)object;

	return &r->chains[((a >> 4) ^ (a >> 10) ^ (a >> 16)) % BUCKETS];
}

/* Somebody protects object: keep it if it is one of ours. */
static void
keep(struct hazard_record *r, const void *object)
{
	struct hazard_head **at = chain_of(r, object), *h;

	for (; (h = *at) != NULL; at = &h->next)
		if (h->object == object) {
			*at = h->next;
			list_push(&r->kept, h);
			return;
		}
}

/* Look at all slots of the record from once. */
static void
look(struct hazard_record *r, struct hazard_record *from)
{
	/* BLOCK acquire: pairs with the release in grow. */
	struct block *b = sync_load_acquire(&from->blocks);

	for (; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++) {
			const void *object;

			SYNC_POINT("hazard_scan");
			/* SLOT acquire: pairs with the releases of readers. */
			object = sync_load_acquire(&b->slots[i].to);
			if (object != NULL)
				keep(r, object);
		}
}

/* Find all that the thread of from protects all the time. */
static void
scan_record(struct hazard_record *r, struct hazard_record *from)
{
	uint32_t copies;

	for (int i = 0; i < HAZARD_TRIES; i++) {
		/* COPIES acquire: pairs with the release in copy. */
		copies = sync_load_acquire(&from->copies);
		look(r, from);
		/* relaxed: the slots were acquired. */
		if (sync_load_relaxed(&from->copies) == copies)
			return;
	}
	SYNC_POINT("hazard_freeze");
	/* relaxed: the heavy fence orders it before the slots. */
	sync_fetch_add_relaxed(&from->frozen, 1);
	sync_fence_heavy();
	look(r, from);
	/* FROZEN release: pairs with the acquire in copy. */
	sync_fetch_sub_release(&from->frozen, 1);
}

/*
 * Take what nobody protects out of l, which was unlinked before.
 * Returns: these, in no order.
 */
static struct hazard_head *
scan(struct hazard_record *r, struct list *l)
{
	struct hazard_head *dead = NULL, *next, *h;

	sync_fence_heavy();
	for (h = l->first; h != NULL; h = next) {
		struct hazard_head **chain = chain_of(r, h->object);

		next = h->next;
		h->next = *chain;
		*chain = h;
	}
	/* RECORD acquire: pairs with the release in record_new. */
	for (struct hazard_record *from = sync_load_acquire(&hz.first);
	     from != NULL; from = from->next)
		scan_record(r, from);
	for (int i = 0; i < BUCKETS; i++) {
		for (h = r->chains[i]; h != NULL; h = next) {
			next = h->next;
			h->next = dead;
			dead = h;
		}
		r->chains[i] = NULL;
	}
	*l = r->kept;
	r->kept = (struct list){.first = NULL};
	return dead;
}

/* Free what nobody protects of l; what is left comes back in it. */
static void
reclaim(struct hazard_record *r, struct list *l)
{
	struct hazard_head *dead, *next;

	r->scanning = true;
	dead = scan(r, l);
	for (; dead != NULL; dead = next) {
		next = dead->next;
		dead->fn(dead);
	}
	r->scanning = false;
}

/* The objects of the record's thread, and those of no thread. */
static void
reclaim_own(struct hazard_record *r)
{
	do {
		struct list l = r->retired, left;

		r->retired = (struct list){.first = NULL};
		take(&hz.orphans, &l);
		reclaim(r, &l);
		/* Callbacks may have retired more. */
		left = r->retired;
		r->retired = l;
		while (left.first != NULL) {
			struct hazard_head *h = left.first;

			left.first = h->next;
			list_push(&r->retired, h);
		}
	} while (r->retired.count >= hazard_limit());
}

/* Returns: false without memory. */
static bool
grow(struct hazard_record *r)
{
	struct block *b = port_alloc(sizeof(*b));

	if (b == NULL)
		return false;
	for (int i = 0; i < SLOTS; i++)
		b->slots[i].next = i + 1 < SLOTS ? &b->slots[i + 1] : NULL;
	r->free = &b->slots[0];
	/* relaxed: only a number. */
	sync_fetch_add_relaxed(&hz.slots, SLOTS);
	/* relaxed: only its thread stores there. */
	b->next = sync_load_relaxed(&r->blocks);
	/* BLOCK release: pairs with the acquire in look. */
	sync_store_release(&r->blocks, b);
	return true;
}

static struct hazard_record *
record_new(void)
{
	struct hazard_record *r = port_alloc(sizeof(*r)), *seen;

	if (r == NULL)
		return NULL;
	sync_init(&r->taken, 1);
	/* relaxed: only compared and stored. */
	seen = sync_load_relaxed(&hz.first);
	do {
		r->next = seen;
		SYNC_POINT("hazard_record");
		/* RECORD release: pairs with the acquires of scans. */
	} while (!sync_cas_release(&hz.first, &seen, r));
	return r;
}

/*
 * The record of this thread.
 * Returns: NULL without memory.
 */
static struct hazard_record *
record(void)
{
	struct hazard_record *r = self;

	if (__builtin_expect(r != NULL, 1))
		return r;
	/* RECORD acquire: pairs with the release in record_new. */
	r = sync_load_acquire(&hz.first);
	for (; r != NULL; r = r->next) {
		uint32_t seen = 0;

		/* relaxed: only whether it is worth trying. */
		if (sync_load_relaxed(&r->taken) != 0)
			continue;
		SYNC_POINT("hazard_take");
		/* OWNER acquire: pairs with the release in thread_gone. */
		if (sync_cas_acquire(&r->taken, &seen, 1))
			break;
	}
	if (r == NULL)
		r = record_new();
	if (r == NULL)
		return NULL;
	self = r;
	port_exit_arm(&hz.exit_hook, r);
	return r;
}

static void
thread_gone(void *arg)
{
	struct hazard_record *r = (struct hazard_record *)arg;

	SYNC_REQUIRE(r == self);
	SYNC_REQUIRE(r->used == 0); /* hazard_fini() was not called */
	if (r->retired.count > 0)
		reclaim_own(r);
	give(&hz.orphans, &r->retired);
	self = NULL;
	/* OWNER release: pairs with the acquire in record. */
	sync_store_release(&r->taken, 0);
}

/* The thread that had r does not exist in the child. */
static void
record_forget(struct hazard_record *r)
{
	/* relaxed: the child's only thread, here and below. */
	struct block *b = sync_load_relaxed(&r->blocks);

	r->free = NULL;
	r->used = 0;
	for (; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++) {
			/* relaxed: as above. */
			sync_store_relaxed(&b->slots[i].to, NULL);
			b->slots[i].next = r->free;
			r->free = &b->slots[i];
		}
	if (!r->scanning)
		give(&hz.orphans, &r->retired);
	r->retired = r->kept = (struct list){.first = NULL};
	r->scanning = false;
	for (int i = 0; i < BUCKETS; i++)
		r->chains[i] = NULL;
	/* relaxed: as above. */
	sync_store_relaxed(&r->taken, 0);
}

static void
fork_prepare(void)
{
}

static void
fork_child(void)
{
	/* relaxed: the child's only thread, here and below. */
	struct hazard_record *r = sync_load_relaxed(&hz.first);

	for (; r != NULL; r = r->next) {
		/* relaxed: as above. */
		sync_store_relaxed(&r->frozen, 0);
		if (r != self)
			record_forget(r);
	}
	record_forget(&hz.spare);
	port_mutex_init(&hz.spare_mutex);
}

PORT_START(hazard)
{
	port_exit_create(&hz.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_prepare, fork_child);
}

int
hazard_init(struct hazard *h)
{
	struct hazard_record *r = record();

	if (r == NULL || (r->free == NULL && !grow(r)))
		return -ENOMEM;
	h->record = r;
	h->slot = r->free;
	r->free = h->slot->next;
	r->used++;
	return 0;
}

void
hazard_fini(struct hazard *h)
{
	struct hazard_record *r = h->record;

	SYNC_ASSERT(r == self);
	hazard_clear(h);
	h->slot->next = r->free;
	r->free = h->slot;
	r->used--;
	h->slot = NULL;
}

void
hazard_copy(struct hazard *to, const struct hazard *from)
{
	struct hazard_record *r = to->record;
	/* relaxed: our own, here and below. */
	const void *object = sync_load_relaxed(&from->slot->to);
	const uint32_t copies = sync_load_relaxed(&r->copies);

	SYNC_ASSERT(r == self && from->record == r);
	/* SLOT release: pairs with the acquire of the scan. */
	sync_store_release(&to->slot->to, object);
	SYNC_POINT("hazard_copy");
	/* COPIES release: pairs with the acquire in scan_record. */
	sync_store_release(&r->copies, copies + 1);
	sync_fence_light();
	/* FROZEN acquire: pairs with the release in scan_record. */
	while (__builtin_expect(sync_load_acquire(&r->frozen) != 0, 0))
		port_sleep(SLEEP_MIN_NS);
}

/*
 * Without a record of its own, a thread puts its objects on the orphans, and
 * looks after those with the spare record unless another thread does.
 */
static __attribute__((__noinline__)) void
retire_orphan(struct hazard_head *head)
{
	struct list l = {.first = NULL};

	list_push(&l, head);
	give(&hz.orphans, &l);
	/* relaxed: only a number. */
	if (sync_load_relaxed(&hz.orphans.count) < hazard_limit())
		return;
	if (!port_mutex_trylock(&hz.spare_mutex))
		return;
	reclaim_own(&hz.spare);
	give(&hz.orphans, &hz.spare.retired);
	port_mutex_unlock(&hz.spare_mutex);
}

void
hazard_retire(struct hazard_head *head, const void *object, hazard_free_fn *fn)
{
	struct hazard_record *r = record();

	SYNC_ASSERT(object != NULL && fn != NULL);
	head->object = object;
	head->fn = fn;
	if (__builtin_expect(r == NULL, 0)) {
		retire_orphan(head);
		return;
	}
	list_push(&r->retired, head);
	if (__builtin_expect(r->retired.count >= hazard_limit(), 0) &&
	    !r->scanning)
		reclaim_own(r);
}

uint32_t
hazard_reclaim(void)
{
	struct hazard_record *r = record();

	if (r == NULL)
		return 0;
	SYNC_REQUIRE(!r->scanning);
	reclaim_own(r);
	return r->retired.count;
}

void
hazard_cohort_init(struct hazard_cohort *c)
{
	sync_init(&c->first, NULL);
	sync_init(&c->count, 0);
}

/* Free what nobody protects of c. */
static void
cohort_reclaim(struct hazard_cohort *c)
{
	struct list l = {.first = NULL};
	struct hazard_record *r = record();

	if (r != NULL ? r->scanning : !port_mutex_trylock(&hz.spare_mutex))
		return;
	take(c, &l);
	reclaim(r != NULL ? r : &hz.spare, &l);
	give(c, &l);
	if (r == NULL)
		port_mutex_unlock(&hz.spare_mutex);
}

void
hazard_cohort_retire(struct hazard_cohort *c, struct hazard_head *head,
    const void *object, hazard_free_fn *fn)
{
	struct list l = {.first = NULL};

	SYNC_ASSERT(object != NULL && fn != NULL);
	head->object = object;
	head->fn = fn;
	list_push(&l, head);
	give(c, &l);
	/* relaxed: only a number. */
	if (sync_load_relaxed(&c->count) >= hazard_limit())
		cohort_reclaim(c);
}

void
hazard_cohort_fini(struct hazard_cohort *c)
{
	uint32_t ns = SLEEP_MIN_NS;

	SYNC_REQUIRE(self == NULL || !self->scanning);
	for (;;) {
		cohort_reclaim(c);
		/* relaxed: nobody else retires into it. */
		if (sync_load_relaxed(&c->first) == NULL)
			return;
		port_sleep(ns);
		ns = ns < SLEEP_MAX_NS / 2 ? ns * 2 : SLEEP_MAX_NS;
	}
}
