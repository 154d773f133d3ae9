/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Contexts.  A fibre has its own stack and its own thread-locals.  The latter
 * are those of a real thread, which is started once per fibre and then sleeps
 * for ever: while the fibre runs, the thread pointer of the processor is that
 * thread's.  So the code under test uses thread-locals as compiled, and libc
 * finds its own.
 */

#include "tests/wsim/runtime/impl.h"

#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* Below all mappings that the kernel places itself: replays find the same. */
#define ARENA ((uintptr_t)0x200000000000)

int __real_pthread_create(
    pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
void *__real_memcpy(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);

#if defined(__x86_64__)
#include <asm/prctl.h>
#include <sys/syscall.h>

__asm__(".text\n"
	".globl wsim_switch\n"
	".type wsim_switch, @function\n"
	"wsim_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size wsim_switch, . - wsim_switch\n");

void *
wsim_switch_prepare(char *stack, size_t size, void (*fn)(void))
{
	void **sp = (void **)(void *)(stack + size);

	*--sp = NULL; /* where fn would return to */
	__real_memcpy(--sp, &fn, sizeof(fn));
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	return sp;
}

static bool fast_tp; /* the instructions may be used here */

long __real_syscall(long, ...);

uintptr_t
wsim_get_tp(void)
{
	uintptr_t tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

void
wsim_set_tp(uintptr_t tp)
{
	if (fast_tp)
		__asm__("wrfsbase %0" : : "r"(tp) : "memory");
	else
		__real_syscall(SYS_arch_prctl, ARCH_SET_FS, tp);
}

static void
tp_init(void)
{
	fast_tp = (getauxval(AT_HWCAP2) & 2) != 0;
}

#elif defined(__aarch64__)
__asm__(".text\n"
	".globl wsim_switch\n"
	".type wsim_switch, %function\n"
	"wsim_switch:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size wsim_switch, . - wsim_switch\n");

void *
wsim_switch_prepare(char *stack, size_t size, void (*fn)(void))
{
	char *sp = stack + size - 160;

	__real_memset(sp, 0, 160);
	__real_memcpy(sp + 88, &fn, sizeof(fn)); /* x30 */
	return sp;
}

uintptr_t
wsim_get_tp(void)
{
	uintptr_t tp;

	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
	return tp;
}

void
wsim_set_tp(uintptr_t tp)
{
	__asm__("msr tpidr_el0, %0" : : "r"(tp) : "memory");
}

static void
tp_init(void)
{
}
#else
#error "wsim: no context switch for this processor"
#endif

/* The thread-locals of the program, not of its libraries. */
static struct {
	const char *image;
	size_t filled, size;
} tls;

static int
find_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct wsim_fibre *f = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_TLS)
			continue;
		tls.image = (const char *)info->dlpi_addr + p->p_vaddr;
		tls.filled = p->p_filesz;
		tls.size = p->p_memsz;
		f->tls = info->dlpi_tls_data;
		f->tls_size = p->p_memsz;
	}
	return 1; /* the first one is the program */
}

struct owner {
	struct wsim_fibre *fibre;
	pthread_mutex_t ready;
};

int __real_pthread_mutex_lock(pthread_mutex_t *);
int __real_pthread_mutex_unlock(pthread_mutex_t *);

static void *
own_tls(void *arg)
{
	struct owner *o = arg;

	o->fibre->tp = wsim_get_tp();
	dl_iterate_phdr(find_tls, o->fibre);
	__real_pthread_mutex_unlock(&o->ready);
	for (;;)
		pause();
	return NULL;
}

static void *
map(void *at, size_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = mmap(at, size, PROT_READ | PROT_WRITE,
	    flags | (at != NULL ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	if (p == MAP_FAILED) {
		perror("wsim: mmap");
		exit(99);
	}
	return p;
}

extern char __data_start, _end;

static void
fibre_init(struct wsim_fibre *f, char *base)
{
	struct owner o = {.fibre = f, .ready = PTHREAD_MUTEX_INITIALIZER};
	pthread_attr_t attr;
	pthread_t t;

	f->stack = base + WSIM_TLS;
	if (mprotect(f->stack, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE) != 0 ||
	    pthread_attr_init(&attr) != 0 ||
	    pthread_attr_setstack(&attr, base, WSIM_TLS) != 0)
		abort();
	__real_pthread_mutex_lock(&o.ready);
	if (__real_pthread_create(&t, &attr, own_tls, &o) != 0) {
		perror("wsim: pthread_create");
		exit(99);
	}
	__real_pthread_mutex_lock(&o.ready);
	pthread_attr_destroy(&attr);
}

void
wsim_switch_init(void)
{
	const size_t each = WSIM_TLS + WSIM_STACK;
	struct wsim *s = map(NULL, sizeof(*s));

	tp_init();
	s->arena_size = WSIM_FIBRES * each + WSIM_HEAP;
	s->arena = map((char *)ARENA, s->arena_size);
	s->heap = s->arena + WSIM_FIBRES * each;
	s->arena_cells = map(NULL, s->arena_size / 4 * sizeof(*s->arena_cells));
	s->data = &__data_start;
	s->data_size = (size_t)(&_end - s->data);
	s->data_cells =
	    map(NULL, (s->data_size / 4 + 2) * sizeof(*s->data_cells));
	s->snap = map(NULL, s->data_size);
	s->events = map(NULL, WSIM_EVENTS * sizeof(*s->events));
	for (int i = 0; i < WSIM_FIBRES; i++)
		fibre_init(&s->fibre[i], s->arena + (size_t)i * each);
	s->main_tp = wsim_get_tp();
	wsim = s;
	__real_memcpy(s->snap, s->data, s->data_size);
}

void
wsim_tls_reset(struct wsim_fibre *f)
{
	if (f->tls_size == 0)
		return;
	__real_memcpy(f->tls, tls.image, tls.filled);
	__real_memset(f->tls + tls.filled, 0, tls.size - tls.filled);
}
