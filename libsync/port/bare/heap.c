/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory: buddies.  A block is a power of two and begins with a line that says
 * how large it is and whether it is free.  A free one is on the list of its
 * size.  Of a block that becomes free, and its buddy, which is as large and
 * differs in one bit of the offset, one of twice the size is made, again and
 * again.
 *
 * Invariants
 *   I1  Blocks cover the whole of the heap, one after the other; a block's
 *       offset is a multiple of its size.
 *   I2  Buddies are not both free, except inside port_free().
 */

#include "libsync/base/assert.h"
#include "libsync/port/bare/bare.h"
#include "libsync/port/port.h"

#define SHIFT_MIN 7u  /* a line for us, a line for the caller */
#define SHIFT_END 28u /* more than the largest */

#define USED 0x75736564u
#define FREE 0x66726565u

/* Under heap.lock; links of free blocks only. */
struct block {
	uint32_t state;
	unsigned shift;
	struct block *next, **prevp;
} __attribute__((aligned(SYNC_CACHELINE)));

static struct {
	struct port_spin lock;
	uintptr_t begin, end;
	struct block *free[SHIFT_END];
} heap;

/* link.ld */
extern char __heap_start[], __heap_end[];

static void
link_free(struct block *b, unsigned shift)
{
	b->state = FREE;
	b->shift = shift;
	b->next = heap.free[shift];
	b->prevp = &heap.free[shift];
	if (b->next != NULL)
		b->next->prevp = &b->next;
	heap.free[shift] = b;
}

static void
unlink_free(struct block *b)
{
	*b->prevp = b->next;
	if (b->next != NULL)
		b->next->prevp = b->prevp;
}

/* I1: the largest that fit, in turn. */
void
bare_heap_init(void)
{
	uintptr_t at;
	unsigned shift;

	heap.begin = SYNC_ROUNDUP((uintptr_t)__heap_start, 1u << SHIFT_MIN);
	heap.end = (uintptr_t)__heap_end;
	for (at = heap.begin;; at += (uintptr_t)1 << shift) {
		for (shift = SHIFT_END - 1; shift >= SHIFT_MIN; shift--)
			if (((at - heap.begin) >> shift << shift) ==
				at - heap.begin &&
			    heap.end - at >= (uintptr_t)1 << shift)
				break;
		if (shift < SHIFT_MIN)
			return;
		link_free((struct block *)at, shift);
	}
}

/* Returns: NULL if there is none so large, or larger. */
static struct block *
take(unsigned shift)
{
	unsigned s = shift;
	struct block *b;

	while (s < SHIFT_END && heap.free[s] == NULL)
		s++;
	if (s >= SHIFT_END)
		return NULL;
	b = heap.free[s];
	unlink_free(b);
	while (s > shift) {
		s--;
		link_free(
		    (struct block *)((uintptr_t)b + ((uintptr_t)1 << s)), s);
	}
	b->state = USED;
	b->shift = shift;
	return b;
}

void *
port_alloc_now(size_t size)
{
	unsigned shift = SHIFT_MIN;
	struct block *b;

	while (shift < SHIFT_END && ((size_t)1 << shift) - sizeof(*b) < size)
		shift++;
	port_spin_lock(&heap.lock);
	b = take(shift);
	port_spin_unlock(&heap.lock);
	if (b == NULL)
		return NULL;
	return memset(b + 1, 0, size);
}

void *
port_alloc(size_t size)
{
	return port_alloc_now(size);
}

/* Returns: NULL if there is none, or it is not whole, or not free. */
static struct block *
free_buddy(const struct block *b, unsigned shift)
{
	const uintptr_t size = (uintptr_t)1 << shift;
	const uintptr_t at = (((uintptr_t)b - heap.begin) ^ size) + heap.begin;
	struct block *buddy = (struct block *)at;

	if (shift + 1 >= SHIFT_END || at + size > heap.end ||
	    buddy->state != FREE || buddy->shift != shift)
		return NULL;
	return buddy;
}

void
port_free(void *p)
{
	struct block *b, *buddy;
	unsigned shift;

	if (p == NULL)
		return;
	b = (struct block *)p - 1;
	SYNC_REQUIRE(b->state == USED);
	shift = b->shift;
	/* Whoever still looks shall see it. */
	memset(p, 0xdb, ((size_t)1 << shift) - sizeof(*b));
	port_spin_lock(&heap.lock);
	b->state = FREE;
	while ((buddy = free_buddy(b, shift)) != NULL) {
		unlink_free(buddy);
		if ((uintptr_t)buddy < (uintptr_t)b)
			b = buddy;
		shift++;
	}
	link_free(b, shift);
	port_spin_unlock(&heap.lock);
}
