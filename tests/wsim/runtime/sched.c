/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fibres.  wsim_point() stands before each access that others can notice: it
 * may let another fibre run first.  Odd seeds pick one at random; even ones
 * use PCT (Burckhardt et al., ASPLOS 2010): the fibre of highest priority
 * runs, and at a few random steps the one that runs becomes the lowest, which
 * finds a bug of depth d with a probability that is bounded from below.
 *
 * Fibres that sleep are let run when no other can, and now and then before.
 */

#include "tests/wsim/runtime/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAIR 500u /* steps after which even PCT lets others run */

void *__real_memcpy(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);

static void
set_state(struct wsim_fibre *f, enum wsim_state state)
{
	const unsigned bit = 1u << (f - wsim->fibre);

	f->state = state;
	wsim->ready &= ~bit;
	wsim->asleep &= ~bit;
	if (state == WSIM_READY)
		wsim->ready |= bit;
	else if (state == WSIM_SLEEPING)
		wsim->asleep |= bit;
}

/* Choose from a set; -1 if it is empty. */
static int
choose(unsigned set)
{
	unsigned k;
	int best = -1;

	if (!wsim->pct && set != 0) {
		for (k = wsim_choose((unsigned)__builtin_popcount(set)); k > 0;
		     k--)
			set &= set - 1;
		return __builtin_ctz(set);
	}
	for (; set != 0; set &= set - 1) {
		const int i = __builtin_ctz(set);

		if (best < 0 || wsim->fibre[i].prio > wsim->fibre[best].prio)
			best = i;
	}
	return best;
}

static bool
all_done(void)
{
	for (int i = 0; i < wsim->nfibres; i++)
		if (!wsim->fibre[i].daemon && wsim->fibre[i].state != WSIM_DONE)
			return false;
	return true;
}

__attribute__((noreturn)) void
wsim_end(void)
{
	void *dead;

	wsim->user = false;
	wsim_set_tp(wsim->main_tp);
	wsim_switch(&dead, wsim->main_sp);
	__builtin_unreachable();
}

static void
deadlock(void)
{
	char who[160];
	size_t n = 0;

	who[0] = '\0';
	for (int i = 0; i < wsim->nfibres && n < sizeof(who); i++) {
		const struct wsim_fibre *f = &wsim->fibre[i];

		if (f->state == WSIM_JOINING)
			n += (size_t)snprintf(who + n, sizeof(who) - n,
			    " T%d for T%d;", i, f->target);
		else if (f->state == WSIM_WAITING)
			n += (size_t)snprintf(who + n, sizeof(who) - n,
			    " T%d at %p;", i, f->addr);
	}
	wsim_fail_at(WSIM_DEADLOCK, 0, NULL, -1, NULL, "all wait:%s", who);
}

static void
switch_to(int next)
{
	struct wsim_fibre *from = wsim_me(), *to = &wsim->fibre[next];

	if (next == wsim->me)
		return;
	from->run = 0;
	wsim->me = next;
	wsim_set_tp(to->tp);
	wsim_switch(&from->sp, to->sp);
}

/* Let a fibre run: not `but` if another one can, -1: any. */
static void
dispatch(int but)
{
	const unsigned others = but < 0 ? ~0u : ~(1u << but);
	const unsigned can = wsim->ready;
	int next = -1;

	if (wsim->asleep != 0 && wsim_chance(8))
		next = choose(wsim->asleep & others);
	if (next < 0)
		next = choose((can & others) != 0 ? can & others : can);
	if (next < 0) {
		next = choose(wsim->asleep);
		if (next < 0)
			deadlock();
	}
	set_state(&wsim->fibre[next], WSIM_READY);
	switch_to(next);
}

static void
interrupt(struct wsim_fibre *f)
{
	void (*fn)(void *) = f->irq;

	if (f->masks > 0 || f->in_irq || --f->irq_in > 0)
		return;
	f->irq = NULL;
	f->in_irq = true;
	wsim_note("interrupted", 0, NULL);
	wsim->user = true;
	fn(f->irq_arg);
	wsim->user = false;
	f->in_irq = false;
	wsim_note("interrupt returns", 0, NULL);
}

void
wsim_point(void)
{
	struct wsim_fibre *f = wsim_me();

	if (++wsim->steps > wsim->max_steps)
		wsim_fail_at(WSIM_STEPS, 0, NULL, -1, NULL,
		    "no end after %u steps", wsim->max_steps);
	if (wsim->ncpus > 1 && f->pins == 0 && wsim_chance(16))
		f->cpu = (unsigned)(wsim_rnd() % wsim->ncpus);
	if (wsim->nfibres > 1 && wsim->pct) {
		for (int i = 0; i < wsim->nchanges; i++)
			if (wsim->change[i] == wsim->steps)
				f->prio = --wsim->low;
		if (++f->run > FAIR)
			f->prio = --wsim->low;
		dispatch(-1);
	} else if (wsim->nfibres > 1 &&
		   (wsim->stay == 0 || !wsim_chance(wsim->stay))) {
		dispatch(-1);
	}
	if (f->irq != NULL)
		interrupt(f);
}

/* A step of a loop that waits: others first. */
void
wsim_relax(void)
{
	struct wsim_fibre *f = wsim_me();

	wsim_point();
	f->prio = --wsim->low;
	if (wsim->nfibres > 1)
		dispatch(wsim->me);
}

static void
end_fibre(void)
{
	struct wsim_fibre *f = wsim_me();

	set_state(f, WSIM_DONE);
	for (int i = 0; i < wsim->nfibres; i++)
		if (wsim->fibre[i].state == WSIM_JOINING &&
		    &wsim->fibre[wsim->fibre[i].target] == f)
			set_state(&wsim->fibre[i], WSIM_READY);
	wsim_note("ends", 0, NULL);
	if (all_done())
		wsim_end();
	dispatch(-1);
	__builtin_unreachable();
}

void wsim_run_exit_hooks(void);

static void
fibre_main(void)
{
	struct wsim_fibre *f = wsim_me();

	wsim->user = true;
	f->ret = f->fn(f->arg);
	wsim_run_exit_hooks();
	wsim->user = false;
	end_fibre();
}

static int
free_slot(void)
{
	for (int i = 0; i < wsim->nfibres; i++)
		if (wsim->fibre[i].state == WSIM_DONE && wsim->fibre[i].joined)
			return i;
	if (wsim->nfibres == WSIM_FIBRES)
		wsim_fail_at(WSIM_MISUSE, 0, NULL, -1, NULL,
		    "more than %d fibres", WSIM_FIBRES);
	return wsim->nfibres;
}

int
wsim_fibre_start(void *(*fn)(void *), void *arg, bool daemon)
{
	int i = free_slot();
	struct wsim_fibre *me = wsim_me(), *f = &wsim->fibre[i];

	if (i == wsim->nfibres) {
		wsim->nfibres++;
		f->cur.vc[i] = 0;
	} else {
		wsim_fence_of_kernel(f); /* of the one that was here */
	}
	const int32_t clock = f->cur.vc[i];

	set_state(f, WSIM_READY);
	f->daemon = daemon;
	f->joined = false;
	f->fn = fn;
	f->arg = arg;
	f->prio = 1000000 + (int)(wsim_rnd() % 100000);
	f->irq = NULL;
	f->in_irq = false;
	f->masks = f->pins = f->run = f->depth = 0;
	f->cpu = (unsigned)i % wsim->ncpus;
	__real_memset(f->hook_arg, 0, sizeof(f->hook_arg));
	f->acq = f->rel = (struct wsim_view){.n = 0};
	if (i != wsim->me) {
		wsim_view_copy(&f->cur, &me->cur);
		me->cur.vc[wsim->me]++;
	} else {
		f->cur = (struct wsim_view){.n = 0};
	}
	f->cur.vc[i] = clock + 1;
	f->cur.any = true;
	if (wsim->heavies > 0)
		wsim_fence_of_kernel(f); /* those do not know of it */
	wsim_tls_reset(f);
	f->sp = wsim_switch_prepare(f->stack, WSIM_STACK, fibre_main);
	return i;
}

static int
spawn(void *(*fn)(void *), void *arg, bool daemon, void *pc)
{
	int t;

	if (!wsim_enter())
		return -1;
	t = wsim_fibre_start(fn, arg, daemon);
	wsim_note("starts a fibre", (uintptr_t)t, pc);
	wsim_leave();
	return t;
}

int
wsim_spawn(void *(*fn)(void *), void *arg)
{
	return spawn(fn, arg, false, WSIM_PC);
}

int
wsim_spawn_daemon(void *(*fn)(void *), void *arg)
{
	return spawn(fn, arg, true, WSIM_PC);
}

void *
wsim_join(int t)
{
	struct wsim_fibre *me = wsim_me(), *f = &wsim->fibre[t];
	void *ret;

	if (!wsim_enter())
		return NULL;
	if (t < 0 || t >= wsim->nfibres || t == wsim->me || f->joined)
		wsim_fail_at(WSIM_MISUSE, 0, WSIM_PC, -1, NULL,
		    "join of T%d, which cannot be joined", t);
	wsim_point();
	if (f->state != WSIM_DONE) {
		set_state(me, WSIM_JOINING);
		me->target = t;
		dispatch(-1);
	}
	wsim_note("joins", (uintptr_t)t, WSIM_PC);
	wsim_view_join(&me->cur, &f->cur);
	f->joined = true;
	ret = f->ret;
	wsim_leave();
	return ret;
}

void
wsim_join_all(void)
{
	for (int t = 0; t < wsim->nfibres; t++) {
		const struct wsim_fibre *f = &wsim->fibre[t];

		if (t != wsim->me && !f->daemon && !f->joined)
			(void)wsim_join(t);
	}
}

/* Wait until somebody wakes addr; timed: or for no reason. */
void
wsim_block_on(const void *addr, bool timed)
{
	struct wsim_fibre *f = wsim_me();

	f->addr = addr;
	set_state(f, timed ? WSIM_SLEEPING : WSIM_WAITING);
	wsim_note(timed ? "sleeps" : "waits", (uintptr_t)addr, NULL);
	dispatch(-1);
	if (f->irq != NULL)
		interrupt(f);
}

void
wsim_wake(const void *addr, int n)
{
	wsim_note("wakes", (uintptr_t)addr, NULL);
	for (int k = 0, s = (int)(wsim_rnd() % WSIM_FIBRES);
	     k < WSIM_FIBRES && n > 0; k++) {
		struct wsim_fibre *f = &wsim->fibre[(k + s) % WSIM_FIBRES];

		if ((f->state != WSIM_WAITING && f->state != WSIM_SLEEPING) ||
		    f->addr != addr)
			continue;
		set_state(f, WSIM_READY);
		n--;
	}
}

static void
set_up(uint64_t seed)
{
	wsim->gen++;
	wsim->rng = seed * 0x9e3779b97f4a7c15u + 0x1234567u;
	if (wsim->rng == 0)
		wsim->rng = 1;
	for (int i = 0; i < 4; i++)
		(void)wsim_rnd();
	wsim->me = wsim->nfibres = 0;
	wsim->nlocs = wsim->nblocks = wsim->nsplits = 0;
	wsim->brk = 0;
	wsim->steps = 0;
	wsim->ready = wsim->asleep = 0;
	wsim->low = 0;
	wsim->heavies = 0;
	wsim->ncpus = 1;
	wsim->alloc_fails = 0;
	wsim->nevents = 0;
	wsim->sc = (struct wsim_view){.n = 0};
	wsim->failure.class = WSIM_PASS;
	wsim->pct = (seed & 1) == 0;
	wsim->nchanges = 1 + (int)(wsim_rnd() % 4);
	for (int i = 0; i < wsim->nchanges; i++)
		wsim->change[i] =
		    1 + (uint32_t)(wsim_rnd() % (wsim->estimate + 1));
	wsim->stay = wsim_chance(128) ? 0 : 192;
	wsim->stale = wsim_chance(192) ? 128 : 224;
	for (int i = 0; i < WSIM_FIBRES; i++)
		wsim->fibre[i].state = WSIM_UNUSED;
}

static void *
root(void *arg)
{
	(void)arg;
	wsim->test->fn();
	return NULL;
}

void
wsim_sched_run(const struct wsim_test *t, uint64_t seed)
{
	__real_memcpy(wsim->data, wsim->snap, wsim->data_size);
	wsim->test = t;
	set_up(seed);
	(void)wsim_fibre_start(root, NULL, false);
	wsim_set_tp(wsim->fibre[0].tp);
	wsim->running = true;
	wsim_switch(&wsim->main_sp, wsim->fibre[0].sp);
	wsim->running = false;
}

int
wsim_self(void)
{
	return wsim->me;
}

void
wsim_yield(void)
{
	if (!wsim_enter())
		return;
	wsim_relax();
	wsim_leave();
}

unsigned
wsim_choose(unsigned n)
{
	return (unsigned)((wsim_rnd() >> 32) * n >> 32);
}

void
wsim_interrupt(int t, void (*fn)(void *), void *arg)
{
	struct wsim_fibre *f = &wsim->fibre[t];

	f->irq = fn;
	f->irq_arg = arg;
	f->irq_in = 1 + (unsigned)(wsim_rnd() % (1u << wsim_rnd() % 8));
}

void
wsim_mask(void)
{
	wsim_me()->masks++;
}

void
wsim_unmask(void)
{
	wsim_me()->masks--;
}

void
wsim_cpus(unsigned n)
{
	wsim->ncpus = n > 0 ? n : 1;
}

unsigned
wsim_cpu(void)
{
	return wsim_me()->cpu;
}

void
wsim_pin(void)
{
	wsim_me()->pins++;
}

void
wsim_unpin(void)
{
	wsim_me()->pins--;
}
