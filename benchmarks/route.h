/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_ROUTE_H
#define BENCHMARKS_ROUTE_H

/*
 * What bench_route.c compares: structures that find the longest prefix, all
 * with the same table and asked about the same keys.  Each is a route_kind in
 * a file of its own (route_*.c); one that can be asked in several ways has
 * several modes.  Next hops are numbers from 1; 0 says that there is no route.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ROUTE_BURST    256U       /* keys of one call */
#define ROUTE_KEYS     (1U << 20) /* of a stream */
#define ROUTE_NEXTHOPS 512U       /* of a table whose file names none */

struct route_prefix {
	uint8_t key[16]; /* network order, host bits clear */
	uint8_t plen;
	uint32_t nexthop;
};

/* [c] constant once it is loaded */
struct route_set {
	unsigned int family;        /* 4 or 6 */
	unsigned int bits;          /* of an address */
	size_t n, room;             /* [c] there, and expected */
	struct route_prefix *entry; /* [c] in the order of the file */
	uint32_t nexthop_max;       /* [c] */
};

/* Keys as structures of both sides take them: IPv4 in host order. */
union route_keys {
	const uint32_t *v4;
	const uint8_t *v6; /* of 16 bytes each */
};

/* What a burst answers, in the form that costs the structure the least. */
union route_out {
	uint32_t u32[ROUTE_BURST];
	int32_t i32[ROUTE_BURST];
	uint64_t u64[ROUTE_BURST];
};

enum route_stream {
	ROUTE_UNIFORM, /* any address; of IPv6, any of 2000::/3 */
	ROUTE_PREFIX,  /* a random prefix, a random host inside it */
	ROUTE_ZIPF,    /* 2^18 of those, the i-th of them with weight 1/i */
	ROUTE_STREAMS,
};

struct route_way {
	const char *name; /* NULL ends a list */
	bool vector;      /* of a processor's vector unit */
	int how;          /* the kind's own */
};

struct route_kind {
	const char *name;
	unsigned int family;
	unsigned int width; /* bytes of a next hop; 0: all fit */
	bool ours;
	const struct route_way *modes;

	/* Sets refused[i] for each entry that it cannot hold; NULL: none. */
	void *(*create)(const struct route_kind *k, const struct route_set *s,
	    uint8_t *refused);
	void (*destroy)(void *table);
	bool (*select)(void *table, int how); /* false: not on this machine */
	/* ROUTE_BURST keys */
	void (*lookup)(
	    const void *table, union route_keys keys, union route_out *out);
	uint32_t (*decode)(const union route_out *out, unsigned int i);
	uint32_t (*single)(const void *table, union route_keys key);
	/* 0 or negative; each is visible when it returns.  NULL: none. */
	int (*add)(void *table, const struct route_prefix *e);
	int (*remove)(void *table, const struct route_prefix *e);
	size_t (*bytes)(const void *table); /* what lookups may touch */
	size_t (*rib_bytes)(const void *table);
};

extern const struct route_kind *const route_kinds[]; /* NULL ends */
extern const struct route_kind route_trie4, route_trie6;
extern const struct route_kind route_ours4_best, route_ours4_portable;
extern const struct route_kind route_ours6_best, route_ours6_portable;
extern const struct route_kind route_stack4, route_stack6;
extern const struct route_kind route_small4, route_small6; /* if asked for */

/* route_set.c: exit with a message if they cannot. */
void route_set_load(struct route_set *s, unsigned int family, const char *path);
void route_set_fini(struct route_set *s);
void route_set_cut(struct route_set *s, size_t n, uint64_t seed);
bool route_set_parse(unsigned int family, char *line, struct route_prefix *e);
uint32_t route_set_index(const struct route_prefix *e); /* of IPv4 */

/* route_keys.c */
void *route_keys_make(
    const struct route_set *s, enum route_stream kind, size_t n, uint64_t seed);
union route_keys route_keys_at(
    const struct route_set *s, const void *keys, size_t i);
extern const char *const route_keys_names[ROUTE_STREAMS];

/* A number below n (2^32 at most); any state. */
static inline uint64_t
route_random(uint64_t *state, uint64_t n)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return ((z ^ z >> 31) >> 32) * n >> 32;
}

static inline bool
route_bit(const uint8_t *key, unsigned int i)
{
	return (key[i / 8] >> (7 - i % 8) & 1) != 0;
}

#endif /* BENCHMARKS_ROUTE_H */
