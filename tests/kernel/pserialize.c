/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Grace periods.  A writer publishes one element after another and poisons each
 * a grace period after it was taken back; readers stay in their sections until
 * there is a newer one, and a moment longer.  Whatever ends a grace period too
 * early lets a reader see poison.
 *
 * Deferred calls age an element like a pipe: it is retired when it is called
 * for, and dead when the callback runs.  A reader may see it retired, never
 * dead.
 */

#include "libsync/pserialize/pserialize.h"

#include "libsync/port/pause.h"
#include "libsync/pserialize/domain.h"
#include "tests/kernel/ktest.h"

#define ELEMENTS 24
#define DEPTH    3 /* of nested sections */
#define DOMAIN   5 /* the one that tests claim */

#define APART_SPINS 100000 /* that a reader waits for another domain's move */
#define APART_TRIES 500

/* [a] atomic  [w] the writer's */
struct element {
	struct ktest_body body;
	uint64_t value;
	struct pserialize_head head;
	SYNC_ATOMIC(uint32_t) busy; /* [a] published, or waits to be dead */
};

static struct {
	struct ktest_duel duel; /* first: the functions get it */
	unsigned domain;
	SYNC_ATOMIC(struct element *) now; /* [a] */
	struct element elements[ELEMENTS];
	unsigned next;  /* [w] */
	uint64_t value; /* [w] */
} line;

/* A free element, filled.  Callbacks give them back. */
static struct element *
element_take(void)
{
	struct element *e;

	do {
		e = &line.elements[line.next++ % ELEMENTS];
		if (ktest_failed())
			return NULL;
		if (line.next % ELEMENTS == 0)
			ktest_relax();
		/* FREED acquire: pairs with the release in element_dies. */
	} while (sync_load_acquire(&e->busy) != 0);
	/* relaxed: only the writer takes. */
	sync_store_relaxed(&e->busy, 1);
	e->value = line.value++;
	ktest_body_fill(&e->body, e->value);
	return e;
}

static void
element_dies(struct element *e)
{
	ktest_body_kill(&e->body);
	/* FREED release: pairs with the acquire in element_take. */
	sync_store_release(&e->busy, 0);
}

static void
element_called(struct pserialize_head *head)
{
	element_dies(
	    (struct element *)(void *)((char *)head -
				       offsetof(struct element, head)));
}

/*
 * Publish a new element.
 * Returns: the one before, or NULL.
 */
static struct element *
replace(struct ktest_duel *d)
{
	struct element *e = element_take(), *old;

	if (e == NULL)
		return NULL;
	/* NOW acq_rel: pairs with the acquire in look. */
	old = sync_xchg_acq_rel(&line.now, e);
	ktest_duel_changed(d);
	return old;
}

static void
update_perform(struct ktest_duel *d)
{
	struct element *old = replace(d);

	if (old == NULL)
		return;
	pserialize_domain_perform(line.domain);
	element_dies(old);
}

static void
update_poll(struct ktest_duel *d)
{
	struct element *old = replace(d);
	uint64_t gp;

	if (old == NULL)
		return;
	gp = pserialize_domain_poll_start(line.domain);
	while (!pserialize_domain_poll(line.domain, gp))
		if (!pserialize_domain_poll_advance(line.domain))
			ktest_relax();
	ktest_check(pserialize_domain_poll(line.domain, gp));
	element_dies(old);
}

static void
update_call(struct ktest_duel *d)
{
	struct element *old = replace(d);

	if (old == NULL)
		return;
	pserialize_domain_call(
	    line.domain, &old->head, element_called, sizeof(*old));
}

/* Look at the element of now; stay for a while if self is not NULL. */
static bool
look(struct ktest_duel *d, unsigned depth, struct ktest_reader *self)
{
	uint64_t sections[DEPTH];
	const struct element *e;
	bool changed;
	uint32_t seen;
	uint64_t value;

	for (unsigned i = 0; i < depth; i++)
		sections[i] = pserialize_domain_enter(line.domain);
	seen = ktest_duel_version(d);
	/* NOW acquire: pairs with the exchange in replace. */
	e = sync_load_acquire(&line.now);
	value = e->value;
	ktest_check(ktest_body_alive(&e->body, value));
	while (depth > 1)
		pserialize_domain_exit(line.domain, sections[--depth]);
	ktest_check(pserialize_domain_in_section(line.domain));
	if (self != NULL)
		changed = ktest_duel_await(d, seen, self);
	else
		ktest_spin(200);
	if (self == NULL)
		changed = ktest_duel_version(d) != seen;
	ktest_check(ktest_body_alive(&e->body, value));
	pserialize_domain_exit(line.domain, sections[0]);
	return changed;
}

static bool
reader(struct ktest_duel *d, struct ktest_reader *self)
{
	return look(d, 1 + ktest_rand(&self->rand) % DEPTH, self);
}

static bool
handler(struct ktest_duel *d, unsigned cpu)
{
	(void)cpu;
	/* What interrupted a section counts as well: it was open before. */
	(void)look(d, 1, NULL);
	return true;
}

static void
line_run(unsigned domain, void (*update)(struct ktest_duel *),
    bool (*from)(struct ktest_duel *, unsigned), uint32_t updates)
{
	line.domain = domain;
	for (int i = 0; i < ELEMENTS; i++) {
		ktest_body_kill(&line.elements[i].body);
		sync_init(&line.elements[i].busy, 0);
	}
	sync_init(&line.now, element_take());
	line.duel = (struct ktest_duel){.update = update,
	    .read = reader,
	    .handler = from,
	    .updates = updates,
	    .overlaps = updates / 4,
	    .handled = 20};
	ktest_duel(&line.duel);
	pserialize_domain_barrier(domain);
}

static void
test_perform(void)
{
	line_run(0, update_perform, NULL, 10);
}

static void
test_poll(void)
{
	line_run(0, update_poll, NULL, 10);
}

static void
test_call(void)
{
	line_run(0, update_call, NULL, 20);
}

static void
test_handlers(void)
{
	line_run(0, update_perform, handler, 6);
	if (!ktest_failed())
		line_run(0, update_call, handler, 6);
}

static void
test_domain(void)
{
	ktest_need(pserialize_domain_claim(DOMAIN, "ktest") == 0);
	line_run(DOMAIN, update_perform, NULL, 6);
	if (!ktest_failed())
		line_run(DOMAIN, update_call, NULL, 6);
	pserialize_domain_destroy(DOMAIN);
}

/*
 * A reader of one domain that does not leave before another one has moved.  It
 * gives up if that takes long: the writer may wait for this very processor, as
 * Linux stops all of them together for some of its work.
 */
static struct {
	SYNC_ATOMIC(uint32_t) inside; /* [a] */
	SYNC_ATOMIC(uint32_t) moved;  /* [a] */
	unsigned seen;                /* [reader] moved while it was inside */
} apart;

static void
apart_thread(unsigned me, void *arg)
{
	bool moved = false;
	uint64_t s;

	(void)arg;
	if (me == 0) {
		/* relaxed: only the moment; here and below. */
		while (sync_load_relaxed(&apart.inside) == 0)
			ktest_relax();
		pserialize_perform();
		/* relaxed: as above. */
		sync_store_relaxed(&apart.moved, 1);
		pserialize_domain_perform(DOMAIN);
		return;
	}
	s = pserialize_domain_enter(DOMAIN);
	/* relaxed: as above. */
	sync_store_relaxed(&apart.inside, 1);
	for (unsigned i = 0; i < APART_SPINS && !moved; i++) {
		ktest_spin(10);
		port_pause();
		/* relaxed: as above. */
		moved = sync_load_relaxed(&apart.moved) != 0;
	}
	apart.seen += moved;
	pserialize_domain_exit(DOMAIN, s);
}

static void
test_domains_apart(void)
{
	/* There a processor that stays is not quiescent in any domain. */
	if (sync_fence_mode() == SYNC_FENCE_QSBR || ktest_threads() < 2) {
		ktest_skip("needs two processors, and no quiescent states");
		return;
	}
	ktest_need(pserialize_domain_claim(DOMAIN, "ktest") == 0);
	apart.seen = 0;
	for (unsigned i = 0; i < APART_TRIES && apart.seen < ktest_rounds();
	     i++) {
		sync_init(&apart.inside, 0);
		sync_init(&apart.moved, 0);
		ktest_need(ktest_run(2, apart_thread, NULL) == 0);
		ktest_ops(1);
	}
	ktest_check(apart.seen > 0);
	pserialize_domain_destroy(DOMAIN);
}

#define CALLS 32 /* of one thread or handler at a time */

/* Calls of one thread, or of the handlers of one CPU.  [o] its own */
struct caller {
	struct callee {
		struct pserialize_head head;
		struct caller *caller;
		uint64_t number;
		SYNC_ATOMIC(uint32_t) waits; /* [a] */
	} callees[CALLS];
	uint64_t made;             /* [o] */
	uint64_t expected;         /* the reclaimer's */
	SYNC_ATOMIC(uint64_t) ran; /* [a] */
};

static struct {
	struct caller threads[KTEST_THREADS_MAX];
	struct caller handlers[KTEST_THREADS_MAX];
	bool from_handlers;
	SYNC_ATOMIC(uint32_t) handled; /* [a] calls that they made */
} calls;

static void
called(struct pserialize_head *head)
{
	struct callee *c =
	    (struct callee *)(void *)((char *)head -
				      offsetof(struct callee, head));
	struct caller *from = c->caller;

	/* relaxed: the barrier orders it, or its own callee. */
	ktest_check(sync_load_relaxed(&c->waits) == 1);
	ktest_check(c->number == from->expected);
	from->expected = c->number + 1;
	/* relaxed: a count that the barrier orders. */
	sync_fetch_add_relaxed(&from->ran, 1);
	/* CALLEE release: pairs with the acquire in make_calls. */
	sync_store_release(&c->waits, 0);
}

/* Call up to n times, as many as there are callees. */
static void
make_calls(struct caller *from, unsigned n)
{
	while (n-- > 0) {
		struct callee *c = &from->callees[from->made % CALLS];

		/* CALLEE acquire: pairs with the release in called. */
		if (sync_load_acquire(&c->waits) != 0)
			return;
		/* relaxed: the call orders it. */
		sync_store_relaxed(&c->waits, 1);
		c->caller = from;
		c->number = from->made++;
		pserialize_call(&c->head, called);
	}
}

static void
calls_handler(void *arg)
{
	const unsigned cpu = ktest_cpu();
	uint64_t made;

	(void)arg;
	if (cpu >= KTEST_THREADS_MAX)
		return;
	made = calls.handlers[cpu].made;
	make_calls(&calls.handlers[cpu], 2);
	made = calls.handlers[cpu].made - made;
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&calls.handled, (uint32_t)made);
}

static bool
called_enough(const struct caller *from)
{
	const unsigned rounds = ktest_rounds();

	if (ktest_failed())
		return true;
	if (from->made < 60 * rounds)
		return false;
	/* relaxed: a count orders nothing. */
	return !calls.from_handlers ||
	       sync_load_relaxed(&calls.handled) >= 60 * rounds;
}

static void
calls_thread(unsigned me, void *arg)
{
	struct caller *from = &calls.threads[me];
	uint64_t rand = me + 1;

	(void)arg;
	while (!called_enough(from)) {
		make_calls(from, 1 + ktest_rand(&rand) % CALLS);
		if (ktest_rand(&rand) % 16 != 0) {
			ktest_relax();
			continue;
		}
		pserialize_barrier();
		/* relaxed: the barrier orders it. */
		ktest_check(sync_load_relaxed(&from->ran) == from->made);
	}
	ktest_ops(from->made);
}

static void
callers_check(const struct caller *callers)
{
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++)
		/* relaxed: the barrier orders it. */
		ktest_check(
		    sync_load_relaxed(&callers[i].ran) == callers[i].made);
}

static void
calls_run(bool from_handlers)
{
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++) {
		calls.threads[i].made = calls.threads[i].expected = 0;
		sync_init(&calls.threads[i].ran, 0);
		calls.handlers[i].made = calls.handlers[i].expected = 0;
		sync_init(&calls.handlers[i].ran, 0);
	}
	calls.from_handlers = from_handlers;
	sync_init(&calls.handled, 0);
	pserialize_barrier(); /* the first of all calls is not a handler's */
	if (from_handlers &&
	    !ktest_timer(KTEST_TIMER_US, calls_handler, NULL)) {
		ktest_skip("no timer");
		return;
	}
	ktest_check(ktest_run(ktest_threads(), calls_thread, NULL) == 0);
	if (from_handlers)
		ktest_timer_stop();
	pserialize_barrier();
	callers_check(calls.threads);
	callers_check(calls.handlers);
}

static void
test_barrier(void)
{
	calls_run(false);
}

static void
test_barrier_handlers(void)
{
	calls_run(true);
}

const struct ktest_case ktest_pserialize[] = {
    {"pserialize_perform", test_perform},
    {"pserialize_poll", test_poll},
    {"pserialize_call", test_call},
    {"pserialize_handlers", test_handlers},
    {"pserialize_domain", test_domain},
    {"pserialize_domains_apart", test_domains_apart},
    {"pserialize_barrier", test_barrier},
    {"pserialize_barrier_handlers", test_barrier_handlers},
    {NULL, NULL},
};
