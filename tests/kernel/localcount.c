/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Counts: references taken on one CPU and let go on another, while the writer
 * drains one object after another and poisons it.
 */

#include "libsync/localcount/localcount.h"

#include "tests/kernel/post.h"

#define OBJECTS 4
#define POST    64 /* letters, in queues of twice as many places */

struct counted {
	struct localcount count;
	struct ktest_body body;
	uint64_t value;
};

/* A reference on its way to another CPU. */
struct letter {
	struct counted *to;
	uint64_t value;
};

/* [a] atomic  [w] the writer's */
static struct {
	SYNC_ATOMIC(struct counted *) now; /* [a] */
	struct counted objects[OBJECTS];
	unsigned next;  /* [w] */
	uint64_t value; /* [w] */
	struct letter letters[POST];
	struct lfqueue_mpmc *empty, *sent;
} counts;

/* Publish the next object; drain and poison the one before. */
static void
count_update(struct ktest_duel *d)
{
	struct counted *c = &counts.objects[++counts.next % OBJECTS], *old;

	c->value = counts.value++;
	ktest_body_fill(&c->body, c->value);
	localcount_reinit(&c->count);
	/* NOW acq_rel: pairs with the acquire in count_hold. */
	old = sync_xchg_acq_rel(&counts.now, c);
	ktest_duel_changed(d);
	pserialize_perform();
	localcount_drain(&old->count);
	ktest_check(!localcount_tryacquire(&old->count));
	ktest_body_kill(&old->body);
}

/*
 * Hold what is there now.
 * Returns: NULL if it is being drained.
 */
static struct counted *
count_hold(bool try_only)
{
	const uint64_t s = pserialize_read_enter();
	/* NOW acquire: pairs with the exchange in count_update. */
	struct counted *c = sync_load_acquire(&counts.now);

	if (!try_only)
		localcount_acquire(&c->count);
	else if (!localcount_tryacquire(&c->count))
		c = NULL;
	pserialize_read_exit(s);
	return c;
}

static void
letter_open(struct letter *l)
{
	ktest_check(ktest_body_alive(&l->to->body, l->value));
	localcount_release(&l->to->count);
	ktest_post(counts.empty, l);
}

static bool
count_read(struct ktest_duel *d, struct ktest_reader *self)
{
	const uint32_t seen = ktest_duel_version(d);
	struct counted *c = count_hold(ktest_rand(&self->rand) % 2 == 0);
	struct letter *l;
	uint64_t value;
	bool changed;

	if (c == NULL)
		return false;
	value = c->value;
	l = lfqueue_mpmc_pop(counts.empty);
	if (l != NULL) {
		localcount_acquire(&c->count);
		*l = (struct letter){.to = c, .value = value};
		ktest_post(counts.sent, l);
	}
	changed = ktest_duel_await(d, seen, self);
	ktest_check(ktest_body_alive(&c->body, value));
	localcount_release(&c->count);
	l = lfqueue_mpmc_pop(counts.sent);
	if (l != NULL)
		letter_open(l);
	return changed;
}

static void
count_leave(struct ktest_duel *d, unsigned me)
{
	struct letter *l;

	(void)d, (void)me;
	while ((l = lfqueue_mpmc_pop(counts.sent)) != NULL)
		letter_open(l);
}

/* Returns: how many objects have counts. */
static int
objects_create(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (!ktest_check(
			localcount_init(&counts.objects[i].count) == 0))
			return i;
		if (i > 0) /* as the writer leaves it */
			localcount_drain(&counts.objects[i].count);
	}
	return OBJECTS;
}

static void
objects_destroy(int n)
{
	/* relaxed: all threads have returned. */
	struct counted *last = sync_load_relaxed(&counts.now);

	for (int i = 0; i < n; i++) {
		if (&counts.objects[i] == last)
			localcount_drain(&last->count);
		localcount_fini(&counts.objects[i].count);
	}
}

static void
count_run(void)
{
	struct ktest_duel duel = {.update = count_update,
	    .read = count_read,
	    .leave = count_leave,
	    .updates = 8,
	    .overlaps = 4};
	const int n = objects_create();

	if (n == OBJECTS) {
		counts.next = 0;
		counts.objects[0].value = counts.value++;
		ktest_body_fill(
		    &counts.objects[0].body, counts.objects[0].value);
		sync_init(&counts.now, &counts.objects[0]);
		for (int i = 0; i < POST; i++)
			ktest_check(lfqueue_mpmc_push(
			    counts.empty, &counts.letters[i]));
		ktest_duel(&duel);
	}
	if (ktest_failed())
		return; /* somebody may hold something for ever */
	objects_destroy(n);
	for (int i = 0; i < POST; i++)
		ktest_check(lfqueue_mpmc_pop(counts.empty) != NULL);
}

static void
test_drain(void)
{
	ktest_need(lfqueue_mpmc_create(2 * POST, 0, &counts.empty) == 0);
	if (ktest_check(lfqueue_mpmc_create(2 * POST, 0, &counts.sent) == 0)) {
		count_run();
		if (!ktest_failed())
			lfqueue_mpmc_destroy(counts.sent);
	}
	if (!ktest_failed())
		lfqueue_mpmc_destroy(counts.empty);
}

const struct ktest_case ktest_localcount[] = {
    {"localcount_drain", test_drain},
    {NULL, NULL},
};
