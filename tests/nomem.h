/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory that runs out, at every allocation there is.  The linker sends the
 * allocations of a program here (nomem_args in tests/meson.build); those of the
 * thread that asked for it are counted, and fail from a number on, or that one
 * alone.  For programs of one source file.
 */
#ifndef TESTS_NOMEM_H
#define TESTS_NOMEM_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "stack/core/sparse.h"
#include "stack/route/arena.h"

enum nomem_how {
	NOMEM_ONE,  /* fails */
	NOMEM_REST, /* fail, it and all after it */
};

static _Thread_local struct {
	unsigned long at; /* the allocation that fails, from 1; 0: none */
	unsigned long count;
	enum nomem_how how;
	bool failed;
} nomem;

/* From now on allocation at fails. */
static inline void
nomem_arm(unsigned long at, enum nomem_how how)
{
	nomem.at = at;
	nomem.count = 0;
	nomem.how = how;
	nomem.failed = false;
}

/* From now on all succeed.  Returns: has one failed? */
static inline bool
nomem_disarm(void)
{
	nomem.at = 0;
	return nomem.failed;
}

static inline bool
nomem_fails(void)
{
	if (nomem.at == 0)
		return false;
	nomem.count++;
	if (nomem.how == NOMEM_ONE ? nomem.count != nomem.at
				   : nomem.count < nomem.at)
		return false;
	nomem.failed = true;
	return true;
}

/* What is tried: op() changes something, same() checks that nothing has. */
struct nomem_try {
	int (*op)(void *arg); /* 0 or -ENOMEM */
	void (*same)(void *arg);
	void *arg;
};

/*
 * Try with each allocation failing in turn, until so many are not asked for.
 * An op that goes well although one failed is undone by undo() (NULL: may not
 * be), so that the next one can fail.  In the end op has been done.
 * Returns: how many times it was refused.
 */
static inline unsigned int
nomem_each(const struct nomem_try *t, enum nomem_how how, void (*undo)(void *))
{
	unsigned int refused = 0;

	for (unsigned long at = 1;; at++) {
		bool failed;
		int error;

		nomem_arm(at, how);
		error = t->op(t->arg);
		failed = nomem_disarm();
		if (!failed) {
			cr_assert_eq(error, 0, "with memory: %d", error);
			return refused;
		}
		if (error == 0) {
			cr_assert_not_null(
			    (void *)(uintptr_t)undo, "went well at %lu", at);
			undo(t->arg);
		} else {
			cr_assert_eq(error, -ENOMEM, "at %lu: %d", at, error);
			refused++;
		}
		t->same(t->arg);
	}
}

/* The names are the linker's. */
// NOLINTBEGIN(bugprone-reserved-identifier)
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__real_sparse_alloc(size_t n, size_t size);
void *__wrap_sparse_alloc(size_t n, size_t size);
int __real_route_arena_alloc(
    struct route_arena *a, size_t bytes, size_t align, uint32_t *out);
int __wrap_route_arena_alloc(
    struct route_arena *a, size_t bytes, size_t align, uint32_t *out);

void *
__wrap_malloc(size_t size)
{
	return nomem_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return nomem_fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return nomem_fails() ? NULL : __real_realloc(p, size);
}

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
	return nomem_fails() ? NULL : __real_aligned_alloc(align, size);
}

void *
__wrap_sparse_alloc(size_t n, size_t size)
{
	return nomem_fails() ? NULL : __real_sparse_alloc(n, size);
}

int
__wrap_route_arena_alloc(
    struct route_arena *a, size_t bytes, size_t align, uint32_t *out)
{
	return nomem_fails() ? -ENOMEM
			     : __real_route_arena_alloc(a, bytes, align, out);
}
// NOLINTEND(bugprone-reserved-identifier)

#endif /* TESTS_NOMEM_H */
