/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The part of the FreeBSD kernel that libsync uses, in user space: on the
 * processors of vcpu.c, and with the assertions that a kernel with options
 * INVARIANTS has.  Pages of the manual are named in kpi/freebsd.
 */

#include <sys/param.h>
#include <sys/types.h>

#include <sys/errno.h>
#include <sys/systm.h>

#include <sys/callout.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/pcpu.h>
#include <sys/proc.h>
#include <sys/sched.h>
#include <sys/sleepqueue.h>
#include <sys/smp.h>
#include <sys/time.h>

#include <machine/stdarg.h>

#include "libsync/base/atomic.h"
#include "tests/kernel/bsd/vcpu.h"

#define INTERRUPTS_OFF 7 /* the level of all interrupts */
#define CHAINS         64u
#define EACH           2  /* pieces of memory that libsync has of each CPU */
#define GAP            1u /* no processor has this number */

/* [c] constant, [q] under its chain's lock, [o] its own */
struct kernel_thread {
	struct thread td;           /* first */
	struct vcpu_thread *thread; /* [c] */
	const void *channel; /* [q] it sleeps on it; NULL: it was woken */
	struct kernel_thread *next;  /* [q] in the chain */
	SYNC_ATOMIC(uint32_t) woken; /* [a] */
	sbintime_t timeout;          /* [o] 0: none */
};

struct chain {
	SYNC_ATOMIC(uint32_t) held; /* [a] */
	struct kernel_thread *first;
};

u_int mp_maxid;

static struct {
	struct chain chain[CHAINS];
	struct kernel_thread thread0;
	SYNC_ATOMIC(int) pieces; /* [a] of memory that are not freed */
	SYNC_ATOMIC(int) locks;  /* [a] that are not destroyed */
	bool no_threads;         /* of the first thread: none can be made */
} fb;

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcpu_print(fmt, ap);
	va_end(ap);
	vcpu_panic("as above");
}

int
vprintf(const char *fmt, va_list ap)
{
	vcpu_print(fmt, ap);
	return 0;
}

static struct kernel_thread *
current(void)
{
	return vcpu_self()->kernel;
}

struct thread *
kpi_curthread(void)
{
	const struct vcpu_thread *t = vcpu_self();
	struct thread *td = t->kernel;

	td->td_tid = t->id;
	td->td_critnest = (u_int)t->preempt_off;
	td->td_intr_nesting_level = t->handlers;
	return td;
}

static u_int
number_of(unsigned vcpu)
{
	return vcpu < GAP ? vcpu : vcpu + 1;
}

static unsigned
vcpu_of(u_int cpu)
{
	if (CPU_ABSENT(cpu))
		panic("there is no processor %u", cpu);
	return cpu < GAP ? cpu : cpu - 1;
}

u_int
kpi_curcpu(void)
{
	vcpu_stays("curcpu");
	return number_of(vcpu_here());
}

bool
kpi_cpu_absent(u_int cpu)
{
	return cpu > mp_maxid || cpu == GAP;
}

void
critical_enter(void)
{
	vcpu_preempt_disable();
}

void
critical_exit(void)
{
	vcpu_preempt_enable();
}

void
spinlock_enter(void)
{
	struct vcpu_thread *t = vcpu_self();
	const int was = vcpu_raise(INTERRUPTS_OFF);

	if (t->spins++ == 0)
		t->spin_level = was;
	vcpu_preempt_disable();
}

void
spinlock_exit(void)
{
	struct vcpu_thread *t = vcpu_self();

	vcpu_preempt_enable();
	if (--t->spins == 0)
		vcpu_lower(t->spin_level);
}

void
sched_bind(struct thread *td, int cpu)
{
	if (td != curthread)
		panic("sched_bind: of another");
	vcpu_bind((int)vcpu_of((u_int)cpu));
}

void
thread_lock(struct thread *td)
{
	(void)td; /* it is the caller: nobody else changes it */
}

void
thread_unlock(struct thread *td)
{
	(void)td;
}

void
kern_yield(int priority)
{
	if (priority != PRI_USER)
		panic("kern_yield: what nobody uses");
	vcpu_yield();
}

void
smp_no_rendezvous_barrier(void *arg)
{
	(void)arg;
}

static void
action(void *fn, void *arg)
{
	(*(void (**)(void *))fn)(arg);
}

void
smp_rendezvous(void (*setup)(void *), void (*fn)(void *),
    void (*teardown)(void *), void *arg)
{
	if (setup != smp_no_rendezvous_barrier ||
	    teardown != smp_no_rendezvous_barrier)
		panic("smp_rendezvous: what nobody uses");
	vcpu_call(INTERRUPTS_OFF, action, &fn, arg);
}

/* Sleep queues: who sleeps on a channel, in the channel's chain. */
static struct chain *
chain_of(const void *channel)
{
	return &fb.chain[(uintptr_t)channel / 8 % CHAINS];
}

void
sleepq_lock(const void *wchan)
{
	spinlock_enter();
	/* acquire: of the last holder. */
	while (sync_xchg_acquire(&chain_of(wchan)->held, 1) != 0)
		vcpu_pause();
}

void
sleepq_release(const void *wchan)
{
	/* release: for the next holder. */
	sync_store_release(&chain_of(wchan)->held, 0);
	spinlock_exit();
}

void
sleepq_add(const void *wchan, struct lock_object *lock, const char *wmesg,
    int flags, int queue)
{
	struct chain *c = chain_of(wchan);
	struct kernel_thread *td = current();

	if (lock != NULL || flags != SLEEPQ_SLEEP || queue != 0)
		panic("sleepq_add: %s: what nobody uses", wmesg);
	if (vcpu_self()->preempt_off != 1 || vcpu_self()->handlers != 0)
		panic("%s: sleeping in a critical section, a spin lock or a "
		      "handler",
		    wmesg);
	td->channel = wchan;
	/* relaxed: under the lock of the chain. */
	sync_store_relaxed(&td->woken, 0);
	td->timeout = 0;
	td->next = c->first;
	c->first = td;
}

void
sleepq_set_timeout_sbt(
    const void *wchan, sbintime_t sbt, sbintime_t pr, int flags)
{
	(void)wchan;
	(void)pr;
	(void)flags;
	current()->timeout = sbt;
}

static uint64_t
ns_of(sbintime_t sbt)
{
	return ((uint64_t)sbt * 1000000000u >> 32) + 1;
}

/* Take those of the channel off the chain, one or all. */
static void
wake(const void *channel, bool all)
{
	struct kernel_thread **prev, *td;

	sleepq_lock(channel);
	prev = &chain_of(channel)->first;
	while ((td = *prev) != NULL) {
		if (td->channel != channel) {
			prev = &td->next;
			continue;
		}
		*prev = td->next;
		td->channel = NULL;
		/* release: it may go away at once. */
		sync_store_release(&td->woken, 1);
		vcpu_wake(&td->woken.v);
		if (!all)
			break;
	}
	sleepq_release(channel);
}

void
sleepq_wait(const void *wchan, int pri)
{
	struct kernel_thread *td = current();

	(void)pri;
	sleepq_release(wchan);
	/* acquire: what the waker did. */
	while (sync_load_acquire(&td->woken) == 0)
		vcpu_sleep(&td->woken.v, 0, 0);
}

int
sleepq_timedwait(const void *wchan, int pri)
{
	struct kernel_thread *td = current(), **prev;

	(void)pri;
	sleepq_release(wchan);
	vcpu_sleep(&td->woken.v, 0, ns_of(td->timeout));
	sleepq_lock(wchan);
	if (td->channel != NULL) {
		prev = &chain_of(wchan)->first;
		while (*prev != td)
			prev = &(*prev)->next;
		*prev = td->next;
		td->channel = NULL;
	}
	sleepq_release(wchan);
	return 0; /* nobody asks */
}

void
wakeup(const void *chan)
{
	wake(chan, true);
}

void
wakeup_one(const void *chan)
{
	wake(chan, false);
}

int
pause_sbt(const char *wmesg, sbintime_t sbt, sbintime_t pr, int flags)
{
	const uint32_t never = 0;

	(void)wmesg;
	(void)pr;
	(void)flags;
	vcpu_sleep(&never, 0, ns_of(sbt));
	return EWOULDBLOCK;
}

/* mtx_word: 0 free, 1 held, 2 held and waited for. */
typedef SYNC_ATOMIC(uint32_t) word_t;

static word_t *
word_of(struct mtx *mutex)
{
	return (word_t *)(void *)&mutex->mtx_word;
}

void
mtx_init(struct mtx *mutex, const char *name, const char *type, int opts)
{
	if (name == NULL || type != NULL || opts != MTX_DEF)
		panic("mtx_init: what nobody uses");
	mutex->mtx_word = 0;
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&fb.locks, 1);
}

void
mtx_destroy(struct mtx *mutex)
{
	/* acquire: whatever the holders did. */
	if (sync_load_acquire(word_of(mutex)) != 0)
		panic("mtx_destroy: it is held");
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&fb.locks, -1);
}

void
mtx_lock(struct mtx *mutex)
{
	uint32_t seen = 0;

	vcpu_sleepable("mtx_lock of a sleep mutex");
	/* acquire: of the last holder; so does the next. */
	if (sync_cas_acquire(word_of(mutex), &seen, 1))
		return;
	while (sync_xchg_acquire(word_of(mutex), 2) != 0)
		vcpu_sleep(&mutex->mtx_word, 2, 0);
}

void
mtx_unlock(struct mtx *mutex)
{
	/* release: for the next holder. */
	const uint32_t was = sync_xchg_release(word_of(mutex), 0);

	if (was == 0)
		panic("mtx_unlock: it is not held");
	if (was == 2)
		vcpu_wake(&mutex->mtx_word);
}

int
msleep(const void *chan, struct mtx *mtx, int priority, const char *wmesg,
    int timo)
{
	if (timo != 0 || (priority & ~PDROP) != 0)
		panic("msleep: %s: what nobody uses", wmesg);
	sleepq_lock(chan);
	mtx_unlock(mtx);
	sleepq_add(chan, NULL, wmesg, SLEEPQ_SLEEP, 0);
	sleepq_wait(chan, 0);
	if ((priority & PDROP) == 0)
		mtx_lock(mtx);
	return 0;
}

/* Before each piece, on a cache line of its own. */
struct piece {
	struct malloc_type *type;
	size_t size;
} __attribute__((aligned(SYNC_CACHELINE)));

static void
check_malloc(const char *what)
{
	const struct vcpu_thread *t = vcpu_self();

	if (t->preempt_off != 0 || t->handlers != 0)
		panic("%s: in a critical section, a spin lock or a handler",
		    what);
}

void *
malloc_aligned(size_t size, size_t align, struct malloc_type *type, int flags)
{
	struct piece *p;

	check_malloc("malloc_aligned");
	if (align > SYNC_CACHELINE ||
	    (flags != (M_WAITOK | M_ZERO) && flags != (M_NOWAIT | M_ZERO)))
		panic("malloc_aligned: flags %x", (unsigned)flags);
	if ((flags & M_WAITOK) != 0)
		vcpu_sleepable("malloc_aligned with M_WAITOK");
	p = vcpu_alloc(sizeof(*p) + size, SYNC_CACHELINE);
	if (p == NULL)
		return NULL;
	p->type = type;
	p->size = size;
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&fb.pieces, 1);
	return p + 1;
}

void
free(void *addr, struct malloc_type *type)
{
	struct piece *p = addr;

	check_malloc("free");
	if (p == NULL)
		return;
	p--;
	if (p->type != type)
		panic("free: of another type");
	memset(addr, 0xa5, p->size); /* what uses it is to be seen */
	vcpu_free(p);
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&fb.pieces, -1);
}

int
kthread_add(void (*func)(void *), void *arg, struct proc *procp,
    struct thread **newtdpp, int flags, int pages, const char *fmt, ...)
{
	struct kernel_thread *td;
	va_list ap;

	if (procp != NULL || flags != 0 || pages != 0)
		panic("kthread_add: what nobody uses");
	if (fb.no_threads)
		return EAGAIN;
	td = vcpu_alloc(sizeof(*td), SYNC_CACHELINE);
	va_start(ap, fmt);
	(void)vsnprintf(td->td.td_name, sizeof(td->td.td_name), fmt, ap);
	va_end(ap);
	*newtdpp = &td->td;
	td->thread = vcpu_create(func, arg, -1, td, td->td.td_name);
	return 0;
}

void
kthread_exit(void)
{
	wakeup(curthread);
	vcpu_exit(); /* what it was made of stays */
}

void
nanouptime(struct timespec *ts)
{
	const uint64_t now = vcpu_now_ns();

	ts->tv_sec = (time_t)(now / 1000000000u);
	ts->tv_nsec = (long)(now % 1000000000u);
}

/* c_kpi[0]: the timer. */
void
callout_init(struct callout *c, int mpsafe)
{
	if (!mpsafe)
		panic("callout_init: with the big lock");
	c->c_kpi[0] = NULL;
}

int
callout_reset_sbt_on(struct callout *c, sbintime_t sbt, sbintime_t pr,
    void (*func)(void *), void *arg, int cpu, int flags)
{
	(void)pr;
	if (flags != C_DIRECT_EXEC || cpu < 0)
		panic("callout_reset_sbt_on: what nobody uses");
	if (c->c_kpi[0] == NULL)
		c->c_kpi[0] = vcpu_timer_create(INTERRUPTS_OFF, func, arg);
	vcpu_timer_arm(c->c_kpi[0], vcpu_of((u_int)cpu), ns_of(sbt));
	return 0;
}

int
callout_drain(struct callout *c)
{
	vcpu_sleepable("callout_drain");
	vcpu_timer_stop(c->c_kpi[0]);
	vcpu_timer_destroy(c->c_kpi[0]);
	c->c_kpi[0] = NULL;
	return 0;
}

extern const moduledata_t *kpi_module_libsync, *kpi_module_ktest;

/* Of the self-test's module. */
extern unsigned ktest_module_rounds;
extern const char *ktest_module_only;

/* tests/kernel/host.h */
void ktest_leave(void);
int ktest_left(void);

static void
nothing_is_left(const char *when)
{
	/* relaxed: the threads are gone. */
	const int memory = sync_load_relaxed(&fb.pieces);
	const int locks = sync_load_relaxed(&fb.locks);

	if (memory != 0 || locks != 0)
		panic("%s, but %d pieces of memory and %d locks are left", when,
		    memory, locks);
}

static int
load_and_unload(void)
{
	const moduledata_t *l = kpi_module_libsync, *k = kpi_module_ktest;
	int error, pieces;

	fb.no_threads = true;
	if (l->evhand(NULL, MOD_LOAD, l->priv) != EAGAIN)
		panic("loaded without a thread");
	fb.no_threads = false;
	nothing_is_left("not loaded");
	error = l->evhand(NULL, MOD_LOAD, l->priv);
	if (error != 0)
		return error;
	/* relaxed: the thread takes none. */
	pieces = sync_load_relaxed(&fb.pieces);
	if (pieces != EACH * (int)vcpu_count())
		panic("%d pieces of memory for %u processors", pieces,
		    vcpu_count());
	error = k->evhand(NULL, MOD_LOAD, k->priv);
	if (error == 0) {
		ktest_leave(); /* here only, as its code stays */
		(void)k->evhand(NULL, MOD_UNLOAD, k->priv);
	}
	(void)l->evhand(NULL, MOD_UNLOAD, l->priv);
	if (error == 0)
		error = ktest_left();
	return error;
}

int
kernel_main(unsigned rounds, const char *only)
{
	struct vcpu_thread *t = vcpu_self();
	int error;

	mp_maxid = number_of(vcpu_count() - 1);
	fb.thread0.thread = t;
	t->kernel = &fb.thread0;
	ktest_module_rounds = rounds;
	ktest_module_only = only;
	error = load_and_unload();
	if (error == 0)
		nothing_is_left("unloaded");
	return error != 0;
}
