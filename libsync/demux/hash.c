/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * SipHash with one round for each 8 bytes of input and three at the end, the
 * variant that its authors name for hash tables.
 */

#include "libsync/demux/hash.h"

struct state {
	uint64_t a, b, c, d;
};

static inline uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void
mix(struct state *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

/* Up to 8 bytes, the first one lowest. */
static inline uint64_t
bytes(const unsigned char *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

static inline void
absorb(struct state *s, uint64_t x)
{
	s->d ^= x;
	mix(s);
	s->a ^= x;
}

uint64_t
demux_hash_siphash13(const void *key, size_t size, const uint64_t seed[2])
{
	const unsigned char *p = key;
	struct state s = {
	    .a = seed[0] ^ UINT64_C(0x736f6d6570736575),
	    .b = seed[1] ^ UINT64_C(0x646f72616e646f6d),
	    .c = seed[0] ^ UINT64_C(0x6c7967656e657261),
	    .d = seed[1] ^ UINT64_C(0x7465646279746573),
	};
	size_t n = size;

	for (; n >= 8; n -= 8, p += 8)
		absorb(&s, bytes(p, 8));
	absorb(&s, bytes(p, n) | (uint64_t)size << 56);
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
