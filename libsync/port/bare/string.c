/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The functions that a compiler may call by itself.  Compiled so that it does
 * not make calls of them out of these loops.
 */

#include "libsync/port/bare/types.h"

/* Accesses of eight bytes, of whatever they belong to. */
typedef uint64_t word __attribute__((__may_alias__));

#define WORD sizeof(word)

static bool
aligned(const void *a, const void *b)
{
	return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0;
}

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if (aligned(d, s))
		for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
			*(word *)(void *)d = *(const word *)(const void *)s;
	while (n-- > 0)
		*d++ = *s++;
	return to;
}

void *
memmove(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if ((uintptr_t)d <= (uintptr_t)s)
		return memcpy(to, from, n);
	while (n-- > 0)
		d[n] = s[n];
	return to;
}

void *
memset(void *to, int byte, size_t n)
{
	const word all = (unsigned char)byte * UINT64_C(0x0101010101010101);
	unsigned char *d = to;

	if (aligned(d, d))
		for (; n >= WORD; n -= WORD, d += WORD)
			*(word *)(void *)d = all;
	while (n-- > 0)
		*d++ = (unsigned char)byte;
	return to;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
