/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_SPARSE_H
#define STACK_CORE_SPARSE_H

/*
 * Arrays that are large because they may be, and of which little is used: pages
 * that nobody has touched take address space only.  calloc(3) does not promise
 * that, and ThreadSanitizer's writes all of it.
 */

#include <stddef.h>

/*
 * n elements of this size, zeroed, at the beginning of a page.  What is behind
 * the last page must not be touched: a fault says so.
 * Context: any thread that may sleep.
 * Owner:   the caller, until sparse_free() with the same n and size.
 * Returns: NULL if there is no memory, or more than there can be.
 */
void *sparse_alloc(size_t n, size_t size);

void sparse_free(void *p, size_t n, size_t size); /* NULL: nothing */

#endif /* STACK_CORE_SPARSE_H */
