/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Processors of a kernel in user space.
 *
 * A processor is a ticket lock; who holds it runs there.  What is to interrupt
 * it is noted in its words `called` and `due`; then its owner is sent a signal,
 * or, if it is idle, whoever wants something takes the lock and does it there.
 * A thread looks at the notes whenever its level sinks and whenever it leaves
 * this file, so none is forgotten, whatever a signal found it at.
 *
 * What one thread of a processor did is seen by the next (the lock); what a
 * call finds and leaves is seen on both sides because its function runs between
 * two instructions of the thread that it interrupts.
 */

#include "tests/kernel/bsd/vcpu.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"

#define SIGNAL  SIGUSR1
#define TIMERS  64
#define TICK_NS 100000 /* of the clock */
#define SLICE   8      /* ticks until a thread is preempted, at most */
#define STEPS   96     /* until the next interrupt of a burst, at most */
#define BURST   2      /* interrupts, about; or VCPU_BURST */
#define SELDOM  512    /* calls of the kernel until it begins one, about */
#define TRAP    0x100u /* of the flags: stop after each instruction */

enum {
	FREE,
	IDLE,
	ARMED,
	DUE,
	RUNNING = 8 /* or'ed: it may be armed again meanwhile */
};

struct cpu {
	SYNC_ATOMIC(uint32_t) next;    /* [a] tickets of its lock */
	SYNC_ATOMIC(uint32_t) serving; /* [a] */
	SYNC_ATOMIC(bool) called;      /* [a] the call is not yet done here */
	SYNC_ATOMIC(bool) due;         /* [a] some timer is */
	SYNC_ATOMIC(bool) slice_over;  /* [a] its thread is to make room */
	SYNC_ATOMIC(int) owner;        /* [a] thread of the system, 0: idle */
} __attribute__((aligned(SYNC_CACHELINE)));

/* [o] its own thread, and handlers on top of it; [a] atomic; [c] constant */
struct thread {
	struct vcpu_thread pub;     /* first */
	int busy;                   /* [o] here: leave it alone */
	bool running;               /* [o] holds its processor */
	int steps;                  /* [o] instructions to the next interrupt */
	bool trapped;               /* [o] in it: no other burst begins */
	int serving;                /* [o] in serve(): it stays where it is */
	unsigned cpu;               /* [o] */
	uint64_t rand;              /* [o] */
	pthread_t pthread;          /* [c] */
	void (*fn)(void *);         /* [c] */
	void *arg;                  /* [c] */
	SYNC_ATOMIC(uint32_t) gone; /* [a] */
};

struct vcpu_timer {
	SYNC_ATOMIC(uint32_t) state; /* [a] IDLE, ... */
	uint64_t deadline;           /* of who arms it, then of the clock */
	unsigned cpu;
	int level; /* [c] */
	void (*fn)(void *);
	void *arg;
};

static struct {
	struct cpu cpu[VCPU_MAX];
	unsigned cpus;  /* [c] */
	unsigned burst; /* [c] */

	struct {
		SYNC_ATOMIC(uint32_t) busy; /* [a] one at a time */
		SYNC_ATOMIC(uint32_t) done; /* [a] processors */
		int level;                  /* by who is busy */
		void (*fn)(void *, void *);
		void *a, *b;
	} call;

	struct vcpu_timer timer[TIMERS];

	SYNC_ATOMIC(uint32_t) stop; /* [a] the clock */
	SYNC_ATOMIC(int) ids;       /* [a] */
	pthread_t clock;
} m;

static __thread struct thread *self;

static void
futex_wait(const void *word, uint32_t seen, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
	    .tv_nsec = (long)(ns % 1000000000u)};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, ns != 0 ? &ts : NULL,
	    NULL, 0);
}

static int
system_id(void)
{
	return (int)syscall(SYS_gettid);
}

static uint32_t
draw(struct thread *t)
{
	t->rand ^= t->rand << 13;
	t->rand ^= t->rand >> 7;
	t->rand ^= t->rand << 17;
	return (uint32_t)(t->rand >> 32);
}

/* The lock of a processor: first come, first served. */
static void
cpu_lock(struct cpu *c)
{
	/* relaxed: a number; the wait orders. */
	const uint32_t mine = sync_fetch_add_relaxed(&c->next, 1);
	uint32_t now;

	/* acquire: what the last owner did. */
	while ((now = sync_load_acquire(&c->serving)) != mine)
		futex_wait(&c->serving, now, 0);
}

static bool
cpu_trylock(struct cpu *c)
{
	/* acquire: what the last owner did. */
	uint32_t now = sync_load_acquire(&c->serving);

	/* acquire: as above. */
	return sync_cas_acquire(&c->next, &now, now + 1);
}

static void
cpu_unlock(struct cpu *c)
{
	/* release: for the next owner. */
	(void)sync_fetch_add_release(&c->serving, 1);
	vcpu_wake(&c->serving.v);
}

/* Is anything noted for this level? */
static bool
wanted(const struct thread *t)
{
	const struct cpu *c = &m.cpu[t->cpu];

	/* relaxed: a hint; who runs it takes the note. */
	return sync_load_relaxed(&c->called) || sync_load_relaxed(&c->due);
}

static void
run_call(struct thread *t, struct cpu *c)
{
	const int level = t->pub.level;

	/* acquire: the call was posted before the note. */
	if (!sync_load_acquire(&c->called) || m.call.level <= level)
		return;
	/* acquire: as above; one takes the note. */
	if (!sync_xchg_acquire(&c->called, false))
		return;
	t->pub.level = m.call.level;
	t->pub.handlers++;
	m.call.fn(m.call.a, m.call.b);
	t->pub.handlers--;
	t->pub.level = level;
	/* release: the function has run. */
	(void)sync_fetch_add_release(&m.call.done, 1);
}

static bool
timer_is(const struct vcpu_timer *timer, uint32_t state)
{
	/* acquire: when and where was written before. */
	return (sync_load_acquire(&timer->state) & ~RUNNING) == state;
}

/* Returns: false if it was not in this state, running or not. */
static bool
timer_move(struct vcpu_timer *timer, uint32_t from, uint32_t to)
{
	uint32_t seen = from;

	/* acq_rel: when and where, and what it did if it runs. */
	return sync_cas_acq_rel(&timer->state, &seen, to) ||
	       (seen == (from | RUNNING) &&
		   sync_cas_acq_rel(&timer->state, &seen, to | RUNNING));
}

/* Returns: false if it is due, but has to wait for a lower level. */
static bool
run_timer(struct thread *t, struct vcpu_timer *timer)
{
	const int level = t->pub.level;
	uint32_t seen = DUE;

	if (!timer_is(timer, DUE) || timer->cpu != t->cpu)
		return true;
	if (timer->level <= level)
		return false;
	/* acquire: one takes it, and is seen to run by who stops it. */
	if (!sync_cas_acquire(&timer->state, &seen, IDLE | RUNNING))
		return (seen & ~RUNNING) != DUE;
	t->pub.level = timer->level;
	t->pub.handlers++;
	timer->fn(timer->arg);
	t->pub.handlers--;
	t->pub.level = level;
	/* release: it has run. */
	(void)sync_fetch_add_release(&timer->state, -(uint32_t)RUNNING);
	return true;
}

/* Run what is noted for the processor that the caller holds, on that one. */
static void
serve(struct thread *t)
{
	bool all = true;
	struct cpu *c;

	t->serving++;
	sync_fence_compiler();
	c = &m.cpu[t->cpu];
	run_call(t, c);
	/* acquire: a timer became due before. */
	if (sync_xchg_acquire(&c->due, false))
		for (unsigned i = 0; i < TIMERS; i++)
			all &= run_timer(t, &m.timer[i]);
	if (!all)
		/* release: for the next look. */
		sync_store_release(&c->due, true);
	sync_fence_compiler();
	t->serving--;
}

static void
enter(struct thread *t)
{
	t->busy++;
	sync_fence_compiler();
}

static void
leave(struct thread *t)
{
	sync_fence_compiler();
	t->busy--;
	sync_fence_compiler();
	if (t->busy == 0 && t->running && wanted(t))
		serve(t);
}

static void
release(struct thread *t)
{
	struct cpu *c = &m.cpu[t->cpu];

	t->running = false;
	/* relaxed: a signal to who runs no more does nothing. */
	sync_store_relaxed(&c->owner, 0);
	cpu_unlock(c);
}

static void
acquire(struct thread *t)
{
	if (t->pub.only >= 0)
		t->cpu = (unsigned)t->pub.only;
	else if (t->pub.bound == 0 && draw(t) % 4 == 0)
		t->cpu = draw(t) % m.cpus;
	cpu_lock(&m.cpu[t->cpu]);
	/* relaxed: as in release. */
	sync_store_relaxed(&m.cpu[t->cpu].owner, t->pub.id);
	/* relaxed: a hint. */
	sync_store_relaxed(&m.cpu[t->cpu].slice_over, false);
	t->running = true;
}

static void
switch_away(struct thread *t)
{
	enter(t);
	release(t);
	(void)sched_yield();
	acquire(t);
	leave(t);
}

/* Of a thread that runs, after an instruction of the kernel. */
static void
interrupted(struct thread *t)
{
	serve(t);
	/* relaxed: a hint. */
	if (sync_load_relaxed(&m.cpu[t->cpu].slice_over) &&
	    t->pub.preempt_off == 0 && t->pub.level == 0 &&
	    t->pub.handlers == 0 && t->serving == 0)
		switch_away(t);
	else
		(void)sched_yield(); /* others wait for a real processor */
}

/* Stop what was interrupted again after a few instructions. */
static void
step_on(struct thread *t, ucontext_t *at)
{
	if (t->steps == 0 && !t->trapped && draw(t) % m.burst != 0)
		t->steps = 1 + (int)(draw(t) % STEPS);
	if (t->steps > 0)
		at->uc_mcontext.gregs[REG_EFL] |= TRAP;
}

static void
interrupt(int sig, siginfo_t *info, void *at)
{
	struct thread *t = self;
	int saved = errno;

	(void)sig;
	(void)info;
	if (t == NULL || !t->running || t->busy != 0)
		return;
	interrupted(t);
	step_on(t, at);
	errno = saved;
}

/* What is armed on a processor for then or before is due. */
static void
timers_due(unsigned cpu, uint64_t then)
{
	for (unsigned i = 0; i < TIMERS; i++) {
		struct vcpu_timer *timer = &m.timer[i];

		if (timer_is(timer, ARMED) && timer->cpu == cpu &&
		    timer->deadline <= then && timer_move(timer, ARMED, DUE))
			/* release: for who looks there. */
			sync_store_release(&m.cpu[cpu].due, true);
	}
}

/* An instruction is over.  In here nothing is interrupted. */
static void
trap(int sig, siginfo_t *info, void *at)
{
	struct thread *t = self;
	ucontext_t *u = at;
	int saved = errno;

	(void)sig;
	(void)info;
	if (t != NULL && t->busy == 0 && --t->steps > 0)
		return;
	u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP;
	if (t == NULL)
		return; /* it leaves */
	t->steps = 0;
	if (t->busy != 0)
		return;
	t->trapped = true;
	timers_due(t->cpu, UINT64_MAX);
	interrupted(t);
	t->trapped = false;
	step_on(t, u);
	errno = saved;
}

/* Now and then, begin a burst of interrupts in what the kernel does next. */
static void
maybe_step(struct thread *t)
{
	if (t->trapped || t->steps > 0 || t->busy != 0 || !t->running ||
	    draw(t) % SELDOM != 0)
		return;
	t->steps = 1 + (int)(draw(t) % STEPS);
	__asm__("pushfq; orq %0, (%%rsp); popfq"
		:
		: "i"(TRAP)
		: "memory", "cc");
}

/* Have the processor look at its notes. */
static void
kick(struct thread *t, unsigned cpu)
{
	struct cpu *c = &m.cpu[cpu];
	/* relaxed: who got it since looks at the notes by itself. */
	const int owner = sync_load_relaxed(&c->owner);
	const unsigned mine = t->cpu;
	const int level = t->pub.level;

	if (owner != 0) {
		(void)syscall(SYS_tgkill, getpid(), owner, SIGNAL);
		return;
	}
	/* It is idle: be it. */
	enter(t);
	if (cpu_trylock(c)) {
		t->cpu = cpu;
		t->pub.level = 0;
		serve(t);
		t->cpu = mine;
		t->pub.level = level;
		cpu_unlock(c);
	}
	leave(t);
}

void
vcpu_call(int level, void (*fn)(void *, void *), void *a, void *b)
{
	struct thread *t = self;
	unsigned i;

	if (t->pub.level >= level || t->pub.handlers > 0)
		vcpu_panic(
		    "a call of all processors at level %d, in %d handlers",
		    t->pub.level, t->pub.handlers);
	vcpu_preempt_disable();
	/* acquire: the call before is over. */
	while (sync_xchg_acquire(&m.call.busy, 1) != 0)
		vcpu_pause();
	m.call.level = level;
	m.call.fn = fn;
	m.call.a = a;
	m.call.b = b;
	/* relaxed: the notes tell of it. */
	sync_store_relaxed(&m.call.done, 0);
	for (i = 0; i < m.cpus; i++) {
		/* release: the call is posted. */
		sync_store_release(&m.cpu[i].called, true);
	}
	serve(t);
	for (;;) {
		/* acquire: the functions have run. */
		if (sync_load_acquire(&m.call.done) == m.cpus)
			break;
		for (i = 0; i < m.cpus; i++) {
			/* relaxed: a hint. */
			if (sync_load_relaxed(&m.cpu[i].called))
				kick(t, i);
		}
		vcpu_pause();
	}
	/* release: for the next call. */
	sync_store_release(&m.call.busy, 0);
	vcpu_preempt_enable();
}

static void *
clock_main(void *arg)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	struct thread *t = arg;
	uint64_t now;
	unsigned i;

	self = t;
	/* relaxed: nothing but an end. */
	while (sync_load_relaxed(&m.stop) == 0) {
		(void)nanosleep(&tick, NULL);
		now = vcpu_now_ns();
		for (i = 0; i < m.cpus; i++) {
			const bool over = draw(t) % SLICE == 0;

			/* relaxed: a hint. */
			if (over)
				sync_store_relaxed(&m.cpu[i].slice_over, true);
			t->cpu = i;
			timers_due(i, now);
			if (over || wanted(t))
				kick(t, i);
		}
	}
	return NULL;
}

static struct thread *
thread_new(int cpu, void *kernel, const char *name)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (t == NULL)
		vcpu_panic("no memory for a thread");
	/* relaxed: numbers. */
	t->rand = 88172645463325252u *
		  (unsigned)(2 * sync_fetch_add_relaxed(&m.ids, 1) + 1);
	t->pub.only = cpu;
	t->cpu = cpu < 0 ? draw(t) % m.cpus : (unsigned)cpu;
	t->pub.kernel = kernel;
	(void)snprintf(t->pub.name, sizeof(t->pub.name), "%s", name);
	return t;
}

struct vcpu_thread *
vcpu_start(unsigned cpus)
{
	const char *burst = getenv("VCPU_BURST");
	struct sigaction action = {
	    .sa_sigaction = interrupt, .sa_flags = SA_RESTART | SA_SIGINFO};
	struct thread *clock;
	sigset_t set;

	m.cpus = cpus;
	m.burst = burst != NULL ? (unsigned)strtoul(burst, NULL, 0) : BURST;
	if (m.burst == 0)
		vcpu_panic("VCPU_BURST: a number above 0");
	(void)sigaction(SIGNAL, &action, NULL);
	action.sa_sigaction = trap;
	(void)sigaddset(&action.sa_mask, SIGNAL);
	(void)sigaction(SIGTRAP, &action, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGNAL);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	clock = thread_new(0, NULL, "clock");
	if (pthread_create(&m.clock, NULL, clock_main, clock) != 0)
		vcpu_panic("no thread for the clock");
	self = thread_new(0, NULL, "main");
	self->pub.only = -1;
	self->pub.id = system_id();
	acquire(self);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return &self->pub;
}

void
vcpu_stop(void)
{
	struct thread *t = self;

	enter(t);
	/* relaxed: nothing but an end. */
	sync_store_relaxed(&m.stop, 1);
	(void)pthread_join(m.clock, NULL);
	release(t);
}

unsigned
vcpu_count(void)
{
	return m.cpus;
}

unsigned
vcpu_here(void)
{
	return self->cpu;
}

struct vcpu_thread *
vcpu_self(void)
{
	return &self->pub;
}

static void *
thread_main(void *arg)
{
	struct thread *t = arg;

	t->pub.id = system_id();
	t->busy = 1;
	self = t;
	acquire(t);
	leave(t);
	t->fn(t->arg);
	vcpu_exit();
}

struct vcpu_thread *
vcpu_create(
    void (*fn)(void *), void *arg, int cpu, void *kernel, const char *name)
{
	struct thread *t;
	int error;

	enter(self);
	t = thread_new(cpu, kernel, name);
	t->fn = fn;
	t->arg = arg;
	error = pthread_create(&t->pthread, NULL, thread_main, t);
	if (error != 0)
		vcpu_panic("no thread: %s", strerror(error));
	leave(self);
	return &t->pub;
}

void
vcpu_exit(void)
{
	struct thread *t = self;

	vcpu_sleepable("exit");
	enter(t);
	release(t);
	self = NULL;
	/* release: it has left the kernel. */
	sync_store_release(&t->gone, 1);
	vcpu_wake(&t->gone.v);
	pthread_exit(NULL);
}

void
vcpu_join(struct vcpu_thread *pub)
{
	struct thread *t = (struct thread *)(void *)pub;

	/* acquire: all that it did. */
	while (sync_load_acquire(&t->gone) == 0)
		vcpu_sleep(&t->gone.v, 0, 0);
	enter(self);
	(void)pthread_join(t->pthread, NULL);
	free(t);
	leave(self);
}

void
vcpu_bind(int cpu)
{
	struct thread *t = self;

	vcpu_sleepable("a move to another CPU");
	t->pub.only = cpu;
	if (cpu >= 0 && t->cpu != (unsigned)cpu)
		switch_away(t);
}

void
vcpu_preempt_disable(void)
{
	self->pub.preempt_off++;
	sync_fence_compiler();
	maybe_step(self);
}

void
vcpu_preempt_enable(void)
{
	sync_fence_compiler();
	if (self->pub.preempt_off-- == 0)
		vcpu_panic("preemption is on already");
}

int
vcpu_raise(int level)
{
	struct thread *t = self;
	const int was = t->pub.level;

	if (level > was)
		t->pub.level = level;
	sync_fence_compiler();
	return was;
}

void
vcpu_lower(int level)
{
	struct thread *t = self;

	sync_fence_compiler();
	if (level > t->pub.level)
		vcpu_panic("level %d is lowered to %d", t->pub.level, level);
	t->pub.level = level;
	sync_fence_compiler();
	if (t->busy == 0 && wanted(t))
		serve(t);
	maybe_step(t);
}

void
vcpu_sleepable(const char *what)
{
	const struct vcpu_thread *t = &self->pub;

	if (t->preempt_off != 0 || t->level != 0 || t->handlers != 0)
		vcpu_panic("%s: preemption is off %d times, level %d, in %d "
			   "handlers",
		    what, t->preempt_off, t->level, t->handlers);
}

void
vcpu_sleep(const uint32_t *word, uint32_t seen, uint64_t ns)
{
	struct thread *t = self;

	vcpu_sleepable("sleep");
	enter(t);
	release(t);
	futex_wait(word, seen, ns);
	acquire(t);
	leave(t);
}

void
vcpu_yield(void)
{
	vcpu_sleepable("yield");
	switch_away(self);
}

struct vcpu_timer *
vcpu_timer_create(int level, void (*fn)(void *), void *arg)
{
	for (unsigned i = 0; i < TIMERS; i++) {
		struct vcpu_timer *timer = &m.timer[i];
		uint32_t seen = FREE;

		/* acquire: who had it before is done with it. */
		if (!sync_cas_acquire(&timer->state, &seen, IDLE))
			continue;
		timer->level = level;
		timer->fn = fn;
		timer->arg = arg;
		return timer;
	}
	vcpu_panic("no more timers");
}

void
vcpu_timer_destroy(struct vcpu_timer *timer)
{
	/* release: it can be another's. */
	sync_store_release(&timer->state, FREE);
}

void
vcpu_timer_arm(struct vcpu_timer *timer, unsigned cpu, uint64_t ns)
{
	timer->cpu = cpu;
	timer->deadline = vcpu_now_ns() + ns;
	if (!timer_move(timer, IDLE, ARMED))
		vcpu_panic("a timer that is armed is armed again");
}

void
vcpu_timer_stop(struct vcpu_timer *timer)
{
	for (;;) {
		(void)timer_move(timer, ARMED, IDLE);
		(void)timer_move(timer, DUE, IDLE);
		/* acquire: it has run. */
		if (sync_load_acquire(&timer->state) == IDLE)
			return;
		vcpu_pause();
	}
}

void *
vcpu_alloc(size_t size, size_t align)
{
	void *p;

	enter(self);
	p = aligned_alloc(align, SYNC_ROUNDUP(size, align));
	if (p != NULL)
		memset(p, 0, size);
	leave(self);
	return p;
}

void
vcpu_free(void *p)
{
	enter(self);
	free(p);
	leave(self);
}
