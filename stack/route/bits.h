/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_BITS_H
#define STACK_ROUTE_BITS_H

/*
 * Bits and bytes of words.  Where a processor has no instruction, a compiler
 * calls a function of its own library, which a kernel does not link.
 */

#include "libsync/port/types.h"

/* Numbers in network order. */
static inline uint32_t
route_bits_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
route_bits_load64(const uint8_t *p)
{
	return (uint64_t)route_bits_load32(p) << 32 | route_bits_load32(p + 4);
}

static inline void
route_bits_store32(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

static inline void
route_bits_store64(uint8_t *p, uint64_t x)
{
	route_bits_store32(p, (uint32_t)(x >> 32));
	route_bits_store32(p + 4, (uint32_t)x);
}

/* Bits set. */
static inline unsigned int
route_bits_count(uint64_t x)
{
#if (defined(__x86_64__) && !defined(__POPCNT__)) ||  \
    (defined(__aarch64__) && !defined(__ARM_NEON)) || \
    (defined(__riscv) && !defined(__riscv_zbb))
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) +
	    (x >> 2 & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned int)(x * UINT64_C(0x0101010101010101) >> 56);
#else
	return (unsigned int)__builtin_popcountll(x);
#endif
}

/* The lowest bit set, and the zeros above the highest; x is not 0. */
static inline unsigned int
route_bits_first(uint64_t x)
{
#if defined(__riscv) && !defined(__riscv_zbb)
	return route_bits_count((x & (0 - x)) - 1);
#else
	return (unsigned int)__builtin_ctzll(x);
#endif
}

static inline unsigned int
route_bits_above(uint64_t x)
{
#if defined(__riscv) && !defined(__riscv_zbb)
	for (unsigned int n = 1; n < 64; n *= 2)
		x |= x >> n;
	return 64 - route_bits_count(x);
#else
	return (unsigned int)__builtin_clzll(x);
#endif
}

#endif /* STACK_ROUTE_BITS_H */
