/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_RUNTIME_ABI_H
#define TESTS_WSIM_RUNTIME_ABI_H

/*
 * What gcc 12 and clang 14 make of code compiled with -fsanitize=thread.
 * Without the qualifiers of the compilers' own declarations, which call the
 * same functions.
 */

#include "tests/wsim/runtime/impl.h"

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(void *a, size_t n);
void __tsan_write_range(void *a, size_t n);
void __tsan_vptr_read(void *a);
void __tsan_vptr_update(void *a, void *v);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

#define ABI_PLAIN_SIZES(X) X(1) X(2) X(4) X(8) X(16)

#define ABI_PLAIN(n)                                     \
	void __tsan_read##n(void *a);                    \
	void __tsan_write##n(void *a);                   \
	void __tsan_read##n##_pc(void *a, void *pc);     \
	void __tsan_write##n##_pc(void *a, void *pc);    \
	void __tsan_unaligned_read##n(void *a);          \
	void __tsan_unaligned_write##n(void *a);         \
	void __tsan_volatile_read##n(void *a);           \
	void __tsan_volatile_write##n(void *a);          \
	void __tsan_unaligned_volatile_read##n(void *a); \
	void __tsan_unaligned_volatile_write##n(void *a);

ABI_PLAIN_SIZES(ABI_PLAIN)

#define ABI_ATOMIC_SIZES(X) \
	X(8, uint8_t)       \
	X(16, uint16_t) X(32, uint32_t) X(64, uint64_t) X(128, wsim_word)

#define ABI_RMWS(X, b, T)            \
	X(b, T, exchange, WSIM_XCHG) \
	X(b, T, fetch_add, WSIM_ADD) \
	X(b, T, fetch_sub, WSIM_SUB) \
	X(b, T, fetch_and, WSIM_AND) \
	X(b, T, fetch_or, WSIM_OR)   \
	X(b, T, fetch_xor, WSIM_XOR) \
	X(b, T, fetch_nand, WSIM_NAND)

#define ABI_RMW(b, T, name, op) T __tsan_atomic##b##_##name(T *a, T v, int mo);

#define ABI_ATOMIC(b, T)                                  \
	T __tsan_atomic##b##_load(const T *a, int mo);    \
	void __tsan_atomic##b##_store(T *a, T v, int mo); \
	ABI_RMWS(ABI_RMW, b, T)                           \
	bool __tsan_atomic##b##_compare_exchange_strong(  \
	    T *a, T *e, T v, int mo, int fail);           \
	bool __tsan_atomic##b##_compare_exchange_weak(    \
	    T *a, T *e, T v, int mo, int fail);           \
	T __tsan_atomic##b##_compare_exchange_val(        \
	    T *a, T e, T v, int mo, int fail);

ABI_ATOMIC_SIZES(ABI_ATOMIC)

#endif /* TESTS_WSIM_RUNTIME_ABI_H */
