/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * References.  The writer takes an object out of reach and destroys its target;
 * whoever holds it, sleeps, or hands it to another CPU meanwhile, must find it
 * alive until the release.  In kernels, handlers hold references as well, from
 * one interrupt to the next.
 */

#include "libsync/psref/psref.h"

#include "tests/kernel/post.h"

#define THINGS 16
#define HELD   4 /* references of a reader at a time */
#define CHURN  64
#define KEPT   3  /* references of a CPU's handlers */
#define PARCEL 64 /* references on their way to another CPU */

struct thing {
	struct psref_target target;
	struct ktest_body body;
	uint64_t value;
	SYNC_ATOMIC(uint32_t) busy; /* [a] */
};

/* A reference on its way. */
struct parcel {
	struct psref ref;
	struct thing *thing;
	uint64_t value;
};

/* [a] atomic  [w] the writer's  [o] of one thread, or one CPU's handlers */
static struct {
	struct ktest_duel duel;
	struct psref_class *cls;
	SYNC_ATOMIC(struct thing *) now; /* [a] */
	struct thing things[THINGS];
	unsigned next;  /* [w] */
	uint64_t value; /* [w] */

	struct parcel parcels[PARCEL];
	struct lfqueue_mpmc *empty, *sent; /* parcels */

	struct kept {
		struct parcel of[KEPT];
		unsigned n;                    /* of these in use */
		unsigned turn;                 /* calls of the handler */
		SYNC_ATOMIC(uint32_t) leaving; /* [a] no more */
		SYNC_ATOMIC(uint32_t) left;    /* [a] done */
	} kept[KTEST_THREADS_MAX];             /* [o] */
} refs;

static struct thing *
thing_take(void)
{
	struct thing *t;

	do {
		t = &refs.things[refs.next++ % THINGS];
		if (ktest_failed())
			return NULL;
		if (refs.next % THINGS == 0)
			ktest_relax();
		/* FREED acquire: pairs with the release in thing_dies. */
	} while (sync_load_acquire(&t->busy) != 0);
	/* relaxed: only the writer takes. */
	sync_store_relaxed(&t->busy, 1);
	t->value = refs.value++;
	ktest_body_fill(&t->body, t->value);
	psref_target_init(&t->target, refs.cls);
	return t;
}

static void
thing_dies(struct thing *t)
{
	ktest_body_kill(&t->body);
	/* FREED release: pairs with the acquire in thing_take. */
	sync_store_release(&t->busy, 0);
}

static void
thing_destroyed(struct psref_target *target)
{
	thing_dies((struct thing *)(void *)((char *)target -
					    offsetof(struct thing, target)));
}

static struct thing *
replace(struct ktest_duel *d)
{
	struct thing *t = thing_take(), *old;

	if (t == NULL)
		return NULL;
	/* NOW acq_rel: pairs with the acquire in hold. */
	old = sync_xchg_acq_rel(&refs.now, t);
	ktest_duel_changed(d);
	return old;
}

static void
update_destroy(struct ktest_duel *d)
{
	struct thing *old = replace(d);

	if (old == NULL)
		return;
	pserialize_perform();
	psref_target_destroy(&old->target, refs.cls);
	thing_dies(old);
}

static void
update_async(struct ktest_duel *d)
{
	struct thing *old = replace(d);

	if (old != NULL)
		psref_target_destroy_async(
		    &old->target, refs.cls, thing_destroyed);
}

/* Hold what is there now. */
static struct thing *
hold(struct psref *ref)
{
	const uint64_t s = pserialize_read_enter();
	/* NOW acquire: pairs with the exchange in replace. */
	struct thing *t = sync_load_acquire(&refs.now);

	psref_acquire(ref, &t->target, refs.cls);
	pserialize_read_exit(s);
	return t;
}

static bool
alive(const struct thing *t, uint64_t value)
{
	return ktest_body_alive(&t->body, value);
}

/* Outside of sections: be interrupted, let others run, or sleep. */
static bool
stay(struct ktest_duel *d, uint32_t seen, struct ktest_reader *self)
{
	const uint32_t r = ktest_rand(&self->rand) % 64;
	const bool changed = ktest_duel_await(d, seen, self);

	if (r == 0)
		ktest_sleep_ms(1);
	else if (r < 32)
		ktest_relax();
	return changed;
}

/* Hold several, the later ones perhaps newer, and let go in any order. */
static bool
reader_hold(struct ktest_duel *d, struct ktest_reader *self)
{
	struct psref ref[HELD];
	struct thing *t[HELD];
	uint64_t value[HELD];
	const unsigned n = 1 + ktest_rand(&self->rand) % HELD;
	const unsigned first = ktest_rand(&self->rand) % n;
	const uint32_t seen = ktest_duel_version(d);
	bool changed;

	for (unsigned i = 0; i < n; i++) {
		t[i] = hold(&ref[i]);
		value[i] = t[i]->value;
		ktest_check(alive(t[i], value[i]));
	}
	ktest_check(psref_held(&t[0]->target, refs.cls));
	changed = stay(d, seen, self);
	for (unsigned i = 0; i < n; i++) {
		const unsigned k = (first + i) % n;

		ktest_check(alive(t[k], value[k]));
		psref_release(&ref[k], &t[k]->target, refs.cls);
	}
	return changed;
}

/* Choose slots again and again, for handlers to come in between. */
static bool
reader_churn(struct ktest_duel *d, struct ktest_reader *self)
{
	struct psref ref[HELD];
	struct thing *t[HELD];

	for (unsigned i = 0; i < CHURN; i++) {
		const unsigned n = 1 + i % HELD;

		for (unsigned k = 0; k < n; k++)
			t[k] = hold(&ref[k]);
		for (unsigned k = 0; k < n; k++)
			psref_release(&ref[k], &t[k]->target, refs.cls);
	}
	return reader_hold(d, self);
}

/* One that was sent: make it one's own, or not, and let go of it. */
static void
receive(struct parcel *p, bool copy)
{
	struct thing *t = p->thing;
	const uint64_t value = p->value;
	struct psref own;

	ktest_check(alive(t, value));
	if (copy)
		psref_copy(&own, &p->ref, refs.cls);
	psref_release(&p->ref, &t->target, refs.cls);
	ktest_post(refs.empty, p);
	if (!copy)
		return;
	ktest_spin(100);
	ktest_check(alive(t, value));
	psref_release(&own, &t->target, refs.cls);
}

/* Send one to whoever comes, and receive one. */
static bool
reader_send(struct ktest_duel *d, struct ktest_reader *self)
{
	struct parcel *p = lfqueue_mpmc_pop(refs.empty);
	const uint32_t seen = ktest_duel_version(d);
	bool changed = false;

	if (p != NULL) {
		p->thing = hold(&p->ref);
		p->value = p->thing->value;
		psref_handoff(&p->ref, refs.cls);
		ktest_post(refs.sent, p);
	}
	if (ktest_rand(&self->rand) % 4 != 0)
		changed = stay(d, seen, self);
	p = lfqueue_mpmc_pop(refs.sent);
	if (p == NULL)
		return false;
	receive(p, ktest_rand(&self->rand) % 2 == 0);
	return changed;
}

/* Who leaves empties the post. */
static void
leave_send(struct ktest_duel *d, unsigned me)
{
	struct parcel *p;

	(void)d, (void)me;
	while ((p = lfqueue_mpmc_pop(refs.sent)) != NULL)
		receive(p, false);
}

/* Let go of the last one kept. */
static void
kept_release(struct kept *k)
{
	struct parcel *p = &k->of[--k->n];

	ktest_check(alive(p->thing, p->value));
	psref_release(&p->ref, &p->thing->target, refs.cls);
}

/*
 * Keep one in each of some interrupts of this CPU, then let go of one in each:
 * a call that did both would leave the slots as they were.
 */
static bool
handler_keep(struct ktest_duel *d, unsigned cpu)
{
	struct kept *k = &refs.kept[cpu];
	const bool more = k->turn++ % (2 * KEPT) < KEPT;
	struct parcel *p = &k->of[k->n];

	(void)d;
	/* relaxed: the same CPU. */
	if (sync_load_relaxed(&k->leaving) != 0) {
		while (k->n > 0)
			kept_release(k);
		/* relaxed: the same CPU. */
		sync_store_relaxed(&k->left, 1);
	} else if (more && k->n < KEPT) {
		p->thing = hold(&p->ref);
		p->value = p->thing->value;
		k->n++;
	} else if (!more && k->n > 0) {
		kept_release(k);
	}
	return true;
}

static void
begin_keep(struct ktest_duel *d)
{
	(void)d;
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++)
		refs.kept[i] = (struct kept){.n = 0};
}

static void
leave_keep(struct ktest_duel *d, unsigned me)
{
	struct kept *k = &refs.kept[me];

	(void)d;
	/* relaxed: the same CPU. */
	sync_store_relaxed(&k->leaving, 1);
	/* relaxed: the same CPU. */
	while (sync_load_relaxed(&k->left) == 0)
		ktest_relax();
}

static bool
post_create(void)
{
	if (!ktest_check(lfqueue_mpmc_create(2 * PARCEL, 0, &refs.empty) == 0))
		return false;
	if (!ktest_check(lfqueue_mpmc_create(2 * PARCEL, 0, &refs.sent) == 0)) {
		lfqueue_mpmc_destroy(refs.empty);
		return false;
	}
	for (int i = 0; i < PARCEL; i++)
		ktest_check(lfqueue_mpmc_push(refs.empty, &refs.parcels[i]));
	return true;
}

static void
post_destroy(void)
{
	unsigned n = 0;

	while (lfqueue_mpmc_pop(refs.empty) != NULL)
		n++;
	ktest_check(n == PARCEL);
	ktest_check(lfqueue_mpmc_pop(refs.sent) == NULL);
	if (ktest_failed())
		return;
	lfqueue_mpmc_destroy(refs.empty);
	lfqueue_mpmc_destroy(refs.sent);
}

/* Wait for all that was left to the library. */
static void
things_end(void)
{
	for (int i = 0; i < THINGS; i++)
		/* FREED acquire: pairs with the release in thing_dies. */
		while (sync_load_acquire(&refs.things[i].busy) != 0 &&
		       !ktest_failed())
			ktest_relax();
}

static void
refs_run(const struct ktest_duel *duel)
{
	struct thing *last;

	if (!ktest_check(psref_class_create("ktest", &refs.cls) == 0))
		return;
	for (int i = 0; i < THINGS; i++) {
		ktest_body_kill(&refs.things[i].body);
		sync_init(&refs.things[i].busy, 0);
	}
	refs.duel = *duel;
	sync_init(&refs.now, thing_take());
	ktest_duel(&refs.duel);
	/* relaxed: all threads have returned. */
	last = sync_load_relaxed(&refs.now);
	if (ktest_failed())
		return; /* somebody may hold something for ever */
	psref_target_destroy(&last->target, refs.cls);
	thing_dies(last);
	things_end();
	psref_class_destroy(refs.cls);
}

static void
test_hold(void)
{
	refs_run(&(struct ktest_duel){.update = update_destroy,
	    .read = reader_hold,
	    .updates = 8,
	    .overlaps = 4});
}

static void
test_async(void)
{
	refs_run(&(struct ktest_duel){.update = update_async,
	    .read = reader_hold,
	    .updates = 8,
	    .overlaps = 4});
}

static void
test_handoff(void)
{
	if (!post_create())
		return;
	refs_run(&(struct ktest_duel){.update = update_destroy,
	    .read = reader_send,
	    .leave = leave_send,
	    .updates = 8,
	    .overlaps = 4});
	post_destroy();
}

static void
test_handlers(void)
{
	if (!KTEST_KERNEL) {
		ktest_skip("references of a thread, not of its handlers");
		return;
	}
	refs_run(&(struct ktest_duel){.update = update_destroy,
	    .read = reader_churn,
	    .handler = handler_keep,
	    .begin = begin_keep,
	    .leave = leave_keep,
	    .updates = 8,
	    .overlaps = 4,
	    .handled = 60});
}

/* Acquire on one CPU, release on another. */
static void
mover(unsigned me, void *arg)
{
	const unsigned n = ktest_threads();
	struct psref ref;
	struct thing *t;

	for (unsigned i = 0; i < 4 * ktest_rounds(); i++) {
		t = hold(&ref);
		psref_handoff(&ref, refs.cls);
		if (!ktest_move((me + i + 1) % n)) {
			*(bool *)arg = false;
			i = 4 * ktest_rounds();
		}
		psref_release(&ref, &t->target, refs.cls);
		ktest_ops(1);
	}
}

static void
test_moved(void)
{
	bool moves = true;
	struct thing *t;

	if (!ktest_check(psref_class_create("ktest", &refs.cls) == 0))
		return;
	sync_init(&refs.things[0].busy, 0);
	refs.next = 0;
	t = thing_take();
	sync_init(&refs.now, t);
	ktest_check(ktest_run(1, mover, &moves) == 0);
	if (!moves)
		ktest_skip("threads do not move");
	psref_target_destroy(&t->target, refs.cls);
	thing_dies(t);
	psref_class_destroy(refs.cls);
}

const struct ktest_case ktest_psref[] = {
    {"psref_hold", test_hold},
    {"psref_async", test_async},
    {"psref_handoff", test_handoff},
    {"psref_handlers", test_handlers},
    {"psref_moved", test_moved},
    {NULL, NULL},
};
