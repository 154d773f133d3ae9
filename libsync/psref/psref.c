/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each thread owns slots and stores the address of what it holds in one of
 * them, as with hazard pointers.  Acquire needs no fence, as the target is
 * destroyed only a grace period after the last section that could acquire it.
 * Destroying (drain.c) looks through all slots until none names the target.
 *
 * Copies.  A scan may look at a slot before a copy stores there, and at the
 * slot it was copied from after that is released, and miss both.  While a
 * target drains, each copy counts in it, between its own store and any
 * release of the original; a scan that saw the original gone thus sees the
 * count changed and starts again.  Counting all copies, also of targets that
 * do not drain, would let a busy thread hold up the scan for ever.
 *
 * Handing off.  The slot gets a mark and stays where it is.  Whoever releases
 * the reference stores REMOTE there, and the owner takes such slots back when
 * it has run out.  Blocks with marked slots that outlive their thread are
 * orphans until another thread needs slots.
 *
 * Without memory for slots the reference itself goes on a list of its thread;
 * one that is handed off from there is counted in the target.
 *
 * Invariants
 *   I1  A slot holds FREE, or REMOTE, or the address of a target, with HANDED
 *       set if no thread owns the reference.
 *   I2  Into a slot stores its thread, or, while HANDED is set, only who
 *       releases that reference.  Only its thread changes the free list.
 *   I3  Blocks of slots are on a list that only grows while the record is
 *       on the registry.
 *
 * Ordering pairs
 *   SLOT     acquire, copy, handoff and release store a slot (release) -> the
 *            scan loads it (acquire): what was done under a reference happens
 *            before the scan that finds it gone.  All stores are releases: a
 *            relaxed acquire would break the release sequence of the release
 *            before it.  Killed by: mutants psref-scan-relaxed,
 *            psref-release-relaxed, psref-acquire-relaxed.
 *   REMOTE   release by another thread stores a slot (release) -> its owner
 *            loads it (acquire) before it stores there again: the scan may
 *            read only the later store.  Killed by: mutant
 *            psref-recycle-relaxed.
 *   COUNTED  a reference handed off without slot is added to and taken from
 *            counted (release) -> the scan loads it (acquire): as SLOT.
 *            Killed by: mutant psref-counted-relaxed.
 *   COPY     copy adds to copies (release) -> the drain loads it (acquire).
 *            Killed by: mutant psref-copies-not-compared.
 * Draining and waiters are stored, then a heavy fence, then slots are loaded;
 * copy and release store a slot, then a light fence, then load those.
 *
 * Reclamation: a record's blocks are freed when its thread ends, after it left
 * the registry under the lock that scans hold; an orphan under the same lock
 * when nothing in it is held.
 */

#include "libsync/psref/psref.h"

#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/psref/psref_impl.h"

#define SLOTS  63
#define REMOTE (PSREF_FREE | PSREF_HANDED)

/* A pass over the slots is worth it if it finds one in this many. */
#define WORTH 8

/* [a] atomic, I2  [r] registry lock; the thread may read alone */
struct psref_block {
	struct psref_block *next;       /* [r] */
	struct psref_slot slots[SLOTS]; /* [a] */
};

/* Never free: the quick slot of a thread that has none. */
static struct psref_slot none;

PORT_LOCAL(struct psref_record, psref_self) PORT_LOCAL_INIT({.quick = &none});
_Static_assert(
    !PORT_BY_CPU || sizeof(struct psref_record) % SYNC_CACHELINE == 0,
    "no two processors write to one line");

static struct {
	struct port_spin lock;
	struct psref_record *first;  /* [r] */
	struct psref_block *orphans; /* [r] with slots handed off */
	struct port_exit exit_hook;  /* [c] */
} reg = {.lock = PORT_SPIN_INIT};

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
	sync_init(&t->counted, 0);
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&cl->targets, 1);
}

static bool
is_held(uintptr_t word)
{
	return (word & PSREF_FREE) == 0;
}

/* How many slots of b are held; acquires what was done under the others. */
static uint32_t
block_held(struct psref_block *b)
{
	uint32_t held = 0;

	for (int i = 0; i < SLOTS; i++)
		/* REMOTE acquire: pairs with the release in let_go_slow. */
		held += is_held(sync_load_acquire(&b->slots[i].word));
	return held;
}

/* Free the orphans in which nothing is held.  Context: lock held. */
static void
orphans_reap(void)
{
	struct psref_block **prevp = &reg.orphans, *b;

	while ((b = *prevp) != NULL) {
		if (block_held(b) != 0) {
			prevp = &b->next;
			continue;
		}
		*prevp = b->next;
		port_free(b);
	}
}

static void
orphan_add(struct psref_block *b)
{
	b->next = reg.orphans;
	reg.orphans = b;
}

static void
leak(const char *site)
{
	port_log("psref: thread %u ends with a reference acquired at %s\n",
	    port_local(psref_self)->tid, site);
}

/* Returns: how many references the ending thread has left. */
static uint32_t
leaks(const struct psref_record *r)
{
	uint32_t n = 0;

	for (struct psref_block *b = r->blocks; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++) {
			struct psref_slot *s = &b->slots[i];
			/* relaxed: our own slot, or handed off. */
			uintptr_t w = sync_load_relaxed(&s->word);

			if (!is_held(w) || (w & PSREF_HANDED) != 0)
				continue;
			/* relaxed: our own. */
			leak(sync_load_relaxed(&s->site));
			n++;
		}
	for (struct psref *ref = r->listed; ref != NULL; ref = ref->next, n++)
		leak(ref->site);
	return n;
}

static void
thread_gone(void *arg)
{
	struct psref_record *r = (struct psref_record *)arg;
	struct psref_block *next;

	SYNC_REQUIRE(r == port_local(psref_self));
	SYNC_REQUIRE(leaks(r) == 0);
	port_spin_lock(&reg.lock);
	*r->prevp = r->next;
	if (r->next != NULL)
		r->next->prevp = r->prevp;
	for (struct psref_block *b = r->blocks; b != NULL; b = next) {
		next = b->next;
		orphan_add(b);
	}
	orphans_reap();
	port_spin_unlock(&reg.lock);
	*r = (struct psref_record){.quick = &none};
}

static void
fork_prepare(void)
{
	port_spin_lock(&reg.lock);
}

static void
fork_parent(void)
{
	port_spin_unlock(&reg.lock);
}

/* Drop what vanished threads held, but not what they had handed off. */
static void
forget_record(struct psref_record *r)
{
	struct psref_block *next;

	for (struct psref_block *b = r->blocks; b != NULL; b = next) {
		next = b->next;
		for (int i = 0; i < SLOTS; i++) {
			struct psref_slot *s = &b->slots[i];

			/* relaxed: the child's only thread, here and below. */
			if ((sync_load_relaxed(&s->word) & PSREF_HANDED) == 0)
				/* relaxed: as above. */
				sync_store_relaxed(&s->word, PSREF_FREE);
		}
		orphan_add(b);
	}
}

/* Keep our record only; who held the others' references does not exist. */
static void
fork_child(void)
{
	struct psref_record *self = port_local(psref_self);

	for (struct psref_record *r = reg.first; r != NULL; r = r->next)
		if (r != self)
			forget_record(r);
	reg.first = NULL;
	if (self->registered) {
		reg.first = self;
		self->tid = port_thread_id();
		self->next = NULL;
		self->prevp = &reg.first;
	}
	psref_drain_fork_child();
	port_spin_init(&reg.lock);
}

/* Put a record on the registry. */
static void
join(struct psref_record *r, uint32_t id)
{
	port_spin_lock(&reg.lock);
	r->tid = id;
	r->next = reg.first;
	r->prevp = &reg.first;
	if (r->next != NULL)
		r->next->prevp = &r->next;
	reg.first = r;
	r->registered = true;
	port_spin_unlock(&reg.lock);
}

/* Choose another quick slot if there is one. */
static void
quick_take(struct psref_record *r)
{
	if (r->free == NULL)
		return;
	r->quick = r->free;
	r->free = r->free->next;
}

/*
 * Take back slots that others have released.
 * Returns: how many.
 */
static uint32_t
recycle(struct psref_record *r)
{
	uint32_t found = 0;

	for (struct psref_block *b = r->blocks; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++) {
			struct psref_slot *s = &b->slots[i];

			/* REMOTE acquire: pairs with let_go_slow. */
			if (sync_load_acquire(&s->word) != REMOTE)
				continue;
			psref_slot_free(r, s);
			found++;
		}
	r->handed -= found;
	return found;
}

/*
 * A block whose slots are free.
 * Returns: NULL without memory.
 */
static struct psref_block *
block_new(void)
{
	struct psref_block *b = port_alloc_now(sizeof(*b));

	for (int i = 0; i < SLOTS && b != NULL; i++) {
		sync_init(&b->slots[i].word, PSREF_FREE);
		if (i > 0)
			b->slots[i - 1].next = &b->slots[i];
	}
	return b;
}

/* An orphan with a free slot, or NULL.  Context: lock held. */
static struct psref_block *
orphan_take(void)
{
	struct psref_block **prevp = &reg.orphans, *b;

	while ((b = *prevp) != NULL && block_held(b) == SLOTS)
		prevp = &b->next;
	if (b != NULL)
		*prevp = b->next;
	return b;
}

/* Take the free slots of an orphan, now this thread's. */
static void
orphan_use(struct psref_record *r, struct psref_block *b)
{
	for (int i = SLOTS; i-- > 0;) {
		struct psref_slot *s = &b->slots[i];

		/* REMOTE acquire: pairs with the release in let_go_slow. */
		if (is_held(sync_load_acquire(&s->word)))
			r->handed++;
		else
			psref_slot_free(r, s);
	}
}

/* Give a reader more slots. */
static void
grow(struct psref_record *r)
{
	struct psref_block *b, *orphan = NULL;

	if (r->handed != 0 && recycle(r) >= r->slots / WORTH)
		return;
	b = block_new();
	port_spin_lock(&reg.lock);
	orphans_reap();
	if (b == NULL)
		b = orphan = orphan_take();
	if (b != NULL) {
		b->next = r->blocks;
		r->blocks = b;
		r->slots += SLOTS;
	}
	port_spin_unlock(&reg.lock);
	if (orphan != NULL) {
		orphan_use(r, orphan);
	} else if (b != NULL) {
		b->slots[SLOTS - 1].next = r->free;
		r->free = &b->slots[0];
	}
	if (r->quick == &none)
		quick_take(r);
}

PORT_START(psref)
{
	port_exit_create(&reg.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_parent, fork_child);
	for (unsigned i = 0; i < port_locals(); i++) {
		struct psref_record *r;

		if (!port_has_local(i))
			continue;
		r = port_local_of(psref_self, i);
		if (r->registered)
			continue;
		r->quick = &none;
		join(r, i + 1);
		grow(r);
	}
}

#if PORT_BY_CPU
void psref_stop(void);

/* Nobody holds a reference, nor ever will. */
void
psref_stop(void)
{
	for (unsigned i = 0; i < port_locals(); i++) {
		struct psref_record *r;
		struct psref_block *next;

		if (!port_has_local(i))
			continue;
		r = port_local_of(psref_self, i);
		for (struct psref_block *b = r->blocks; b != NULL; b = next) {
			next = b->next;
			port_free(b);
		}
		*r = (struct psref_record){.quick = NULL};
	}
	reg.first = NULL;
}
#endif

static void
list_insert(struct psref_record *r, struct psref *ref)
{
	port_spin_lock(&reg.lock);
	ref->next = r->listed;
	ref->prevp = &r->listed;
	if (ref->next != NULL)
		ref->next->prevp = &ref->next;
	r->listed = ref;
	port_spin_unlock(&reg.lock);
}

/* Context: lock held. */
static void
list_remove(struct psref *ref)
{
	*ref->prevp = ref->next;
	if (ref->next != NULL)
		ref->next->prevp = ref->prevp;
}

void
psref_report(
    const char *what, const struct psref *ref, const struct psref_target *t)
{
	const char *site = "?";

	if (ref != NULL)
		/* relaxed: for the report. */
		site = ref->slot == NULL ? ref->site
					 : sync_load_relaxed(&ref->slot->site);
	port_log(
	    "psref: %s: target %p of class %s, thread %u, acquired at %s\n",
	    what, (const void *)t,
	    t != NULL && t->cls != NULL ? t->cls->name : "(destroyed)",
	    port_thread_id(), site);
}

void
psref_hold_slow(struct psref *ref, struct psref_target *t, const char *site)
{
	struct psref_record *r;
	struct port_pin pin;

	port_pin(&pin);
	r = port_local(psref_self);
	if (!r->registered) {
		port_exit_arm(&reg.exit_hook, r);
		join(r, port_thread_id());
	}
	grow(r);
	/* relaxed: our own slot. */
	if (r->free != NULL ||
	    sync_load_relaxed(&r->quick->word) == PSREF_FREE) {
		psref_hold(ref, t, site);
	} else {
		ref->target = t;
		ref->owner = r;
		ref->slot = NULL;
		ref->site = site;
		list_insert(r, ref);
	}
	port_unpin(&pin);
}

void
psref_let_go_slow(struct psref *ref)
{
	struct psref_target *t = ref->target;
	struct psref_slot *s = ref->slot;

	if (ref->owner != NULL) {
		SYNC_REQUIRE(s == NULL && "released by another reader");
		port_spin_lock(&reg.lock);
		list_remove(ref);
		ref->target = NULL; /* under the lock: scans read it */
		port_spin_unlock(&reg.lock);
		return;
	}
	ref->target = NULL; /* first: ref may be in what it holds */
	if (s != NULL) {
		/* relaxed: whoever handed it to us stored it. */
		PSREF_CHECK(sync_load_relaxed(&s->word) ==
				((uintptr_t)t | PSREF_HANDED),
		    "second release of a reference that was moved", ref, t);
		/* SLOT release: pairs with the acquire of the scan.
		 * REMOTE release: pairs with the acquires of the owner. */
		sync_store_release(&s->word, REMOTE);
	} else {
		/* COUNTED release: pairs with the acquire of the scan. */
		sync_fetch_sub_release(&t->counted, 1);
	}
}

void
psref_copy_at(struct psref *to, const struct psref *from,
    struct psref_class *cl, const char *site)
{
	struct psref_target *t = from->target;

	PSREF_CHECK(t != NULL, "copy of what is not held", from, t);
	PSREF_CHECK(t->cls == cl, "copy in another class", from, t);
	PSREF_CHECK(
	    from->owner == port_local(psref_self) || from->owner == NULL,
	    "copy by another thread without psref_handoff()", from, t);
	(void)cl;
	psref_hold(to, t, site);
	SYNC_POINT("psref_copy");
	sync_fence_light();
	/* relaxed: the pair of fences orders it after the slot. */
	if (__builtin_expect(sync_load_relaxed(&t->draining) != 0, 0))
		/* COPY release: pairs with the acquires in drain.c. */
		sync_fetch_add_release(&t->copies, 1);
}

void
psref_handoff(struct psref *ref, struct psref_class *cl)
{
	struct psref_target *t = ref->target;
	struct psref_record *r;
	struct port_pin pin;

	port_pin(&pin);
	r = port_local(psref_self);
	PSREF_CHECK(t != NULL, "handoff of what is not held", ref, t);
	PSREF_CHECK(t->cls == cl, "handoff in another class", ref, t);
	PSREF_CHECK(
	    ref->owner == r, "handoff of what is not one's own", ref, t);
	(void)cl;
	ref->owner = NULL;
	if (__builtin_expect(ref->slot != NULL, 1)) {
		r->handed++;
		/* SLOT release: pairs with the acquire of the scan. */
		sync_store_release(
		    &ref->slot->word, (uintptr_t)t | PSREF_HANDED);
		if (ref->slot == r->quick)
			quick_take(r);
		port_unpin(&pin);
		return;
	}
	port_unpin(&pin);
	port_spin_lock(&reg.lock);
	/* COUNTED release: pairs with the acquire of the scan. */
	sync_fetch_add_release(&t->counted, 1);
	list_remove(ref);
	port_spin_unlock(&reg.lock);
}

bool
psref_held(const struct psref_target *t, const struct psref_class *cl)
{
	const struct psref_record *r;
	struct port_pin pin;
	bool held = false;

	SYNC_ASSERT(t->cls == cl);
	(void)cl;
	port_pin(&pin);
	r = port_local(psref_self);
	for (const struct psref_block *b = r->blocks; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++)
			/* relaxed: our own slot. */
			held |= sync_load_relaxed(&b->slots[i].word) ==
				(uintptr_t)t;
	for (const struct psref *ref = r->listed; ref != NULL; ref = ref->next)
		held |= ref->target == t;
	port_unpin(&pin);
	return held;
}

static bool
scan_blocks(struct psref_block *b, const struct psref_target *t, uint32_t tid,
    struct psref_holder *holder)
{
	for (; b != NULL; b = b->next)
		for (int i = 0; i < SLOTS; i++) {
			uintptr_t w;

			SYNC_POINT("psref_scan");
			/* SLOT acquire: pairs with the releases of holders. */
			w = sync_load_acquire(&b->slots[i].word);
			if ((w & ~PSREF_HANDED) != (uintptr_t)t)
				continue;
			holder->tid = (w & PSREF_HANDED) != 0 ? 0 : tid;
			/* relaxed: a report may name a later holder. */
			holder->site = sync_load_relaxed(&b->slots[i].site);
			return true;
		}
	return false;
}

static bool
scan_list(const struct psref_record *r, const struct psref_target *t,
    struct psref_holder *holder)
{
	for (const struct psref *ref = r->listed; ref != NULL; ref = ref->next)
		if (ref->target == t) {
			*holder = (struct psref_holder){
			    .tid = r->tid, .site = ref->site};
			return true;
		}
	return false;
}

bool
psref_scan(const struct psref_target *t, struct psref_holder *holder)
{
	bool held;

	port_spin_lock(&reg.lock);
	*holder = (struct psref_holder){.tid = 0, .site = NULL};
	/* COUNTED acquire: pairs with the releases of who hands off. */
	held = sync_load_acquire(&t->counted) != 0 ||
	       scan_blocks(reg.orphans, t, 0, holder);
	for (struct psref_record *r = reg.first; r != NULL && !held;
	     r = r->next)
		held = scan_list(r, t, holder) ||
		       scan_blocks(r->blocks, t, r->tid, holder);
	port_spin_unlock(&reg.lock);
	return held;
}
