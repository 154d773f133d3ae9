/* SPDX-License-Identifier: BSD-2-Clause */

/* What the compiler calls before each access, and instead of atomic ones. */

#include "tests/wsim/runtime/abi.h"

void *__real_memcpy(void *, const void *, size_t);

/* With no execution running there is one thread: plain memory will do. */
static void
poke(uintptr_t a, wsim_word v, unsigned size)
{
	__real_memcpy((void *)a, &v, size);
}

static void
plain(void *a, size_t size, bool write, void *pc)
{
	if (!wsim_enter())
		return;
	wsim_plain((uintptr_t)a, size, write, pc);
	wsim_leave();
}

static wsim_word
load(uintptr_t a, unsigned size, int order, void *pc)
{
	wsim_word v;

	if (!wsim_enter())
		return wsim_peek(a, size);
	v = wsim_load(a, size, order, pc);
	wsim_leave();
	return v;
}

static void
store(uintptr_t a, wsim_word v, unsigned size, int order, void *pc)
{
	if (!wsim_enter()) {
		poke(a, v, size);
		return;
	}
	wsim_store(a, v, size, order, pc);
	wsim_leave();
}

static wsim_word
rmw(uintptr_t a, wsim_word v, unsigned size, int order, int op, void *pc)
{
	wsim_word old;

	if (!wsim_enter()) {
		old = wsim_peek(a, size);
		poke(a, wsim_combine(op, old, v), size);
		return old;
	}
	old = wsim_rmw(a, v, size, order, op, pc);
	wsim_leave();
	return old;
}

static bool
cas(uintptr_t a, wsim_word *expect, wsim_word v, unsigned size, int order,
    int fail_order, bool weak, void *pc)
{
	const wsim_word want = *expect;
	bool ok;

	if (!wsim_enter()) {
		*expect = wsim_peek(a, size);
		if (*expect == want)
			poke(a, v, size);
		return *expect == want;
	}
	ok = wsim_cas(a, expect, v, size, order, fail_order, weak, pc);
	wsim_leave();
	return ok;
}

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *pc)
{
	struct wsim_fibre *f;

	if (wsim == NULL || !wsim->tracing || !wsim->user)
		return;
	f = wsim_me();
	if (f->depth < WSIM_CALLS)
		f->calls[f->depth] = pc;
	f->depth++;
}

void
__tsan_func_exit(void)
{
	if (wsim != NULL && wsim->tracing && wsim->user && wsim_me()->depth > 0)
		wsim_me()->depth--;
}

void
__tsan_read_range(void *a, size_t n)
{
	plain(a, n, false, WSIM_PC);
}

void
__tsan_write_range(void *a, size_t n)
{
	plain(a, n, true, WSIM_PC);
}

void
__tsan_vptr_read(void *a)
{
	plain(a, sizeof(void *), false, WSIM_PC);
}

void
__tsan_vptr_update(void *a, void *v)
{
	(void)v;
	plain(a, sizeof(void *), true, WSIM_PC);
}

void
__tsan_atomic_thread_fence(int order)
{
	if (!wsim_enter())
		return;
	wsim_fence(order, WSIM_PC);
	wsim_leave();
}

void
__tsan_atomic_signal_fence(int order)
{
	(void)order;
}

#define PLAIN_AS(name, n, write)             \
	void name(void *a)                   \
	{                                    \
		plain(a, n, write, WSIM_PC); \
	}

#define PLAIN(n)                                              \
	PLAIN_AS(__tsan_read##n, n, false)                    \
	PLAIN_AS(__tsan_write##n, n, true)                    \
	PLAIN_AS(__tsan_unaligned_read##n, n, false)          \
	PLAIN_AS(__tsan_unaligned_write##n, n, true)          \
	PLAIN_AS(__tsan_volatile_read##n, n, false)           \
	PLAIN_AS(__tsan_volatile_write##n, n, true)           \
	PLAIN_AS(__tsan_unaligned_volatile_read##n, n, false) \
	PLAIN_AS(__tsan_unaligned_volatile_write##n, n, true) \
	void __tsan_read##n##_pc(void *a, void *pc)           \
	{                                                     \
		plain(a, n, false, pc);                       \
	}                                                     \
	void __tsan_write##n##_pc(void *a, void *pc)          \
	{                                                     \
		plain(a, n, true, pc);                        \
	}

ABI_PLAIN_SIZES(PLAIN)

#define RMW(b, T, name, op)                                                 \
	T __tsan_atomic##b##_##name(T *a, T v, int mo)                      \
	{                                                                   \
		return (T)rmw((uintptr_t)a, v, sizeof(T), mo, op, WSIM_PC); \
	}

#define ATOMIC(b, T)                                                           \
	T __tsan_atomic##b##_load(const T *a, int mo)                          \
	{                                                                      \
		return (T)load((uintptr_t)a, sizeof(T), mo, WSIM_PC);          \
	}                                                                      \
	void __tsan_atomic##b##_store(T *a, T v, int mo)                       \
	{                                                                      \
		store((uintptr_t)a, v, sizeof(T), mo, WSIM_PC);                \
	}                                                                      \
	ABI_RMWS(RMW, b, T)                                                    \
	bool __tsan_atomic##b##_compare_exchange_strong(                       \
	    T *a, T *e, T v, int mo, int fail)                                 \
	{                                                                      \
		wsim_word x = *e;                                              \
		bool ok = cas(                                                 \
		    (uintptr_t)a, &x, v, sizeof(T), mo, fail, false, WSIM_PC); \
                                                                               \
		*e = (T)x;                                                     \
		return ok;                                                     \
	}                                                                      \
	bool __tsan_atomic##b##_compare_exchange_weak(                         \
	    T *a, T *e, T v, int mo, int fail)                                 \
	{                                                                      \
		wsim_word x = *e;                                              \
		bool ok = cas(                                                 \
		    (uintptr_t)a, &x, v, sizeof(T), mo, fail, true, WSIM_PC);  \
                                                                               \
		*e = (T)x;                                                     \
		return ok;                                                     \
	}                                                                      \
	T __tsan_atomic##b##_compare_exchange_val(                             \
	    T *a, T e, T v, int mo, int fail)                                  \
	{                                                                      \
		wsim_word x = e;                                               \
                                                                               \
		(void)cas(                                                     \
		    (uintptr_t)a, &x, v, sizeof(T), mo, fail, false, WSIM_PC); \
		return (T)x;                                                   \
	}

ABI_ATOMIC_SIZES(ATOMIC)
