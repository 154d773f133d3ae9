/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_RISCV64_H
#define LIBSYNC_PORT_RISCV64_H

/*
 * Order on riscv64 at the price that its manual names (RISC-V ISA I, table A.6:
 * fence r,rw behind a load, fence rw,w in front of a store).  gcc before 14
 * makes each atomic store an exchange, relaxed ones too, and each acquire a full
 * fence; clang makes a fence instruction of one that is for itself only.
 */

#if defined(__clang__) || __GNUC__ >= 14
#define sync_load_acquire(p)     __atomic_load_n(&(p)->v, __ATOMIC_ACQUIRE)
#define sync_store_relaxed(p, x) __atomic_store_n(&(p)->v, x, __ATOMIC_RELAXED)
#define sync_store_release(p, x) __atomic_store_n(&(p)->v, x, __ATOMIC_RELEASE)
#else
#define sync_load_acquire(p)                                    \
	__extension__({                                         \
		__typeof__((p)->v) sync_loaded_ =               \
		    __atomic_load_n(&(p)->v, __ATOMIC_RELAXED); \
		__asm__ volatile("fence r, rw" : : : "memory"); \
		sync_loaded_;                                   \
	})
#define sync_store_relaxed(p, x)                                              \
	((void)(*(volatile __typeof__((p)->v) *)(__UINTPTR_TYPE__) & (p)->v = \
		    (x)))
#define sync_store_release(p, x)                                \
	__extension__({                                         \
		__typeof__((p)->v) sync_stored_ = (x);          \
		__asm__ volatile("fence rw, w" : : : "memory"); \
		sync_store_relaxed(p, sync_stored_);            \
	})
#endif

/* Keep the compiler from moving accesses across. */
#define port_fence_compiler() __asm__ volatile("" : : : "memory")

#endif /* LIBSYNC_PORT_RISCV64_H */
