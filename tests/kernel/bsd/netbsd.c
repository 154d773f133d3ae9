/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The part of the NetBSD kernel that libsync uses, in user space: on the
 * processors of vcpu.c, and with the assertions that a kernel with options
 * DIAGNOSTIC has.  Pages of the manual are named in kpi/netbsd.
 *
 * Ordering: a mutex's word is exchanged (acquire) and stored (release); all
 * else goes through one, or through vcpu.c.
 */

#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/cpu.h>
#include <sys/errno.h>
#include <sys/intr.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/kthread.h>
#include <sys/lwp.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/param.h>
#include <sys/proc.h>
#include <sys/stdarg.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/xcall.h>

#include "libsync/base/atomic.h"
#include "tests/kernel/bsd/vcpu.h"

#define HZ 5000 /* options HZ: so that handlers come often */

struct cpu_info {
	u_int index;
};

struct kernel_lwp {
	struct lwp lwp; /* first */
	struct vcpu_thread *thread;
};

int hz = HZ;
int ncpu;

static struct {
	struct cpu_info cpu[VCPU_MAX];
	struct kernel_lwp lwp0;
	SYNC_ATOMIC(size_t) memory; /* [a] bytes that are not freed */
	SYNC_ATOMIC(int) locks;     /* [a] that are not destroyed */
	bool no_threads;            /* of the first thread: none can be made */
} nb;

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcpu_print(fmt, ap);
	va_end(ap);
	vcpu_panic("as above");
}

void
vprintf(const char *fmt, va_list ap)
{
	vcpu_print(fmt, ap);
}

void
kpreempt_disable(void)
{
	vcpu_preempt_disable();
}

void
kpreempt_enable(void)
{
	vcpu_preempt_enable();
}

bool
kpreempt_disabled(void)
{
	const struct vcpu_thread *t = vcpu_self();

	return t->preempt_off != 0 || t->level != 0 || t->handlers != 0;
}

struct lwp *
kpi_curlwp(void)
{
	struct vcpu_thread *t = vcpu_self();
	struct kernel_lwp *l = t->kernel;

	l->lwp.l_lid = l == &nb.lwp0 ? 0 : t->id;
	return &l->lwp;
}

void
lwp_lock(lwp_t *l)
{
	if (l != curlwp)
		panic("lwp_lock: of another");
}

void
lwp_migrate(lwp_t *l, struct cpu_info *ci)
{
	if (l != curlwp)
		panic("lwp_migrate: of another");
	vcpu_bind((int)ci->index);
}

int
curlwp_bind(void)
{
	return vcpu_self()->bound++;
}

void
curlwp_bindx(int bound)
{
	vcpu_self()->bound = bound;
}

struct cpu_info *
kpi_curcpu(void)
{
	vcpu_stays("curcpu");
	return &nb.cpu[vcpu_here()];
}

u_int
cpu_index(const struct cpu_info *ci)
{
	return ci->index;
}

struct cpu_info *
cpu_lookup(u_int index)
{
	return index < vcpu_count() ? &nb.cpu[index] : NULL;
}

/* Soft interrupts are of LWPs: what counts is the level. */
bool
cpu_intr_p(void)
{
	const struct vcpu_thread *t = vcpu_self();

	return t->handlers != 0 && t->level >= IPL_VM;
}

int
splhigh(void)
{
	return vcpu_raise(IPL_HIGH);
}

void
splx(int s)
{
	vcpu_lower(s);
}

/* mtx_word: 0 free, 1 held, 2 held and, if it is adaptive, waited for. */
typedef SYNC_ATOMIC(uint32_t) word_t;

static word_t *
word_of(kmutex_t *mtx)
{
	return (word_t *)(void *)&mtx->mtx_word;
}

void
mutex_init(kmutex_t *mtx, kmutex_type_t type, int ipl)
{
	if (type != MUTEX_DEFAULT)
		panic("mutex_init: type %d", (int)type);
	mtx->mtx_word = 0;
	mtx->mtx_ipl = ipl;
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.locks, 1);
}

void
mutex_destroy(kmutex_t *mtx)
{
	/* acquire: whatever the holders did. */
	if (sync_load_acquire(word_of(mtx)) != 0)
		panic("mutex_destroy: it is held");
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.locks, -1);
}

/* The level stays up until the last of them is left, in any order. */
static void
spin_enter(kmutex_t *mtx)
{
	struct vcpu_thread *t = vcpu_self();
	const int was = vcpu_raise(mtx->mtx_ipl);

	if (t->spins++ == 0)
		t->spin_level = was;
	/* acquire: of the last holder. */
	while (sync_xchg_acquire(word_of(mtx), 1) != 0)
		vcpu_pause();
}

void
mutex_enter(kmutex_t *mtx)
{
	uint32_t seen = 0;

	if (mtx->mtx_ipl >= IPL_VM) {
		spin_enter(mtx);
		return;
	}
	vcpu_sleepable("mutex_enter of an adaptive mutex");
	/* acquire: of the last holder; so does the next. */
	if (sync_cas_acquire(word_of(mtx), &seen, 1))
		return;
	while (sync_xchg_acquire(word_of(mtx), 2) != 0)
		vcpu_sleep(&mtx->mtx_word, 2, 0);
}

void
mutex_exit(kmutex_t *mtx)
{
	struct vcpu_thread *t = vcpu_self();
	/* release: for the next holder. */
	const uint32_t was = sync_xchg_release(word_of(mtx), 0);

	if (was == 0)
		panic("mutex_exit: it is not held");
	if (was == 2)
		vcpu_wake(&mtx->mtx_word);
	if (mtx->mtx_ipl >= IPL_VM && --t->spins == 0)
		vcpu_lower(t->spin_level);
}

void
cv_init(kcondvar_t *cv, const char *wmesg)
{
	if (wmesg == NULL)
		panic("cv_init: no name");
	cv->cv_word = 0;
	cv->cv_waiters = 0;
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.locks, 1);
}

void
cv_destroy(kcondvar_t *cv)
{
	if (cv->cv_waiters != 0)
		panic("cv_destroy: somebody waits");
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.locks, -1);
}

static void
wait(kcondvar_t *cv, kmutex_t *mtx, uint64_t ns)
{
	const uint32_t seen = cv->cv_word;

	cv->cv_waiters++;
	mutex_exit(mtx);
	vcpu_sleep(&cv->cv_word, seen, ns);
	mutex_enter(mtx);
	cv->cv_waiters--;
}

void
cv_wait(kcondvar_t *cv, kmutex_t *mtx)
{
	wait(cv, mtx, 0);
}

int
cv_timedwait(kcondvar_t *cv, kmutex_t *mtx, int ticks)
{
	wait(cv, mtx, (uint64_t)ticks * (1000000000u / HZ));
	return 0; /* nobody asks */
}

void
cv_broadcast(kcondvar_t *cv)
{
	cv->cv_word++;
	if (cv->cv_waiters != 0)
		vcpu_wake(&cv->cv_word);
}

int
kpause(const char *wmesg, bool intr, int timo, kmutex_t *mtx)
{
	const uint32_t never = 0;

	if (intr || mtx != NULL || timo <= 0)
		panic("kpause: %s: what nobody uses", wmesg);
	vcpu_sleep(&never, 0, (uint64_t)timo * (1000000000u / HZ));
	return EWOULDBLOCK;
}

void
preempt(void)
{
	vcpu_yield();
}

void *
kmem_intr_zalloc(size_t size, km_flag_t flags)
{
	if (flags != KM_SLEEP && flags != KM_NOSLEEP)
		panic("kmem_intr_zalloc: flags %x", flags);
	if (flags == KM_SLEEP)
		vcpu_sleepable("kmem_intr_zalloc with KM_SLEEP");
	if (vcpu_self()->level > IPL_VM)
		panic("kmem_intr_zalloc at level %d", vcpu_self()->level);
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.memory, size);
	/* Its alignment promises no more than this. */
	return (char *)vcpu_alloc(size + sizeof(size_t), sizeof(size_t)) +
	       sizeof(size_t);
}

void
kmem_intr_free(void *p, size_t size)
{
	if (p == NULL || vcpu_self()->level > IPL_VM)
		panic(
		    "kmem_intr_free of %p at level %d", p, vcpu_self()->level);
	memset(p, 0xa5, size); /* what uses it is to be seen */
	vcpu_free((char *)p - sizeof(size_t));
	/* relaxed: a count. */
	(void)sync_fetch_add_relaxed(&nb.memory, -size);
}

int
kthread_create(pri_t pri, int flags, struct cpu_info *ci, void (*func)(void *),
    void *arg, lwp_t **newlp, const char *fmt, ...)
{
	char name[VCPU_NAME_MAX];
	struct kernel_lwp *l;
	va_list ap;

	(void)pri;
	if (flags != (KTHREAD_MPSAFE | KTHREAD_MUSTJOIN))
		panic("kthread_create: flags %x", (unsigned)flags);
	if (nb.no_threads)
		return EAGAIN;
	l = vcpu_alloc(sizeof(*l), SYNC_CACHELINE);
	va_start(ap, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	l->thread =
	    vcpu_create(func, arg, ci != NULL ? (int)ci->index : -1, l, name);
	*newlp = &l->lwp;
	return 0;
}

void
kthread_exit(int code)
{
	(void)code;
	vcpu_exit();
}

int
kthread_join(lwp_t *lwp)
{
	struct kernel_lwp *l = (struct kernel_lwp *)(void *)lwp;

	vcpu_join(l->thread);
	vcpu_free(l);
	return 0;
}

void
nanouptime(struct timespec *ts)
{
	const uint64_t now = vcpu_now_ns();

	ts->tv_sec = (time_t)(now / 1000000000u);
	ts->tv_nsec = (long)(now % 1000000000u);
}

uint64_t
xc_broadcast(u_int flags, xcfunc_t func, void *arg1, void *arg2)
{
	if (flags != XC_HIGHPRI)
		panic("xc_broadcast: flags %x", flags);
	vcpu_call(IPL_SOFTSERIAL, func, arg1, arg2);
	return 1;
}

void
xc_wait(uint64_t where)
{
	if (where != 1)
		panic("xc_wait: no such call");
	vcpu_sleepable("xc_wait");
}

/* c_kpi: the timer, and its processor as a cpu_info. */
void
callout_init(callout_t *c, u_int flags)
{
	if (flags != CALLOUT_MPSAFE)
		panic("callout_init: with the big lock");
	c->c_kpi[0] = NULL;
	c->c_kpi[1] = NULL; /* libsync always binds it */
}

void
callout_setfunc(callout_t *c, void (*func)(void *), void *arg)
{
	c->c_kpi[0] = vcpu_timer_create(IPL_SOFTCLOCK, func, arg);
}

void
callout_bind(callout_t *c, struct cpu_info *ci)
{
	c->c_kpi[1] = ci;
}

void
callout_schedule(callout_t *c, int ticks)
{
	const struct cpu_info *ci = c->c_kpi[1];

	vcpu_timer_arm(
	    c->c_kpi[0], ci->index, (uint64_t)ticks * (1000000000u / HZ));
}

bool
callout_halt(callout_t *c, void *interlock)
{
	if (interlock != NULL)
		panic("callout_halt: what nobody uses");
	vcpu_sleepable("callout_halt");
	vcpu_timer_stop(c->c_kpi[0]);
	return false;
}

void
callout_destroy(callout_t *c)
{
	vcpu_timer_destroy(c->c_kpi[0]);
}

extern modinfo_t kpi_module_libsync, kpi_module_ktest;

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
	const size_t memory = sync_load_relaxed(&nb.memory);
	const int locks = sync_load_relaxed(&nb.locks);

	if (memory != 0 || locks != 0)
		panic("%s, but %zu bytes and %d locks are left", when, memory,
		    locks);
}

static int
load_and_unload(void)
{
	int error;

	nb.no_threads = true;
	if (kpi_module_libsync.mi_modcmd(MODULE_CMD_INIT, NULL) != EAGAIN)
		panic("loaded without a thread");
	nb.no_threads = false;
	nothing_is_left("not loaded");
	error = kpi_module_libsync.mi_modcmd(MODULE_CMD_INIT, NULL);
	if (error != 0)
		return error;
	error = kpi_module_ktest.mi_modcmd(MODULE_CMD_INIT, NULL);
	if (error == 0) {
		ktest_leave(); /* here only, as its code stays */
		(void)kpi_module_ktest.mi_modcmd(MODULE_CMD_FINI, NULL);
	}
	(void)kpi_module_libsync.mi_modcmd(MODULE_CMD_FINI, NULL);
	if (error == 0)
		error = ktest_left();
	return error;
}

int
kernel_main(unsigned rounds, const char *only)
{
	struct vcpu_thread *t = vcpu_self();
	unsigned i;
	int error;

	for (i = 0; i < vcpu_count(); i++)
		nb.cpu[i].index = i;
	ncpu = (int)vcpu_count();
	nb.lwp0.thread = t;
	t->kernel = &nb.lwp0;
	ktest_module_rounds = rounds;
	ktest_module_only = only;
	error = load_and_unload();
	if (error == 0)
		nothing_is_left("unloaded");
	return error != 0;
}
