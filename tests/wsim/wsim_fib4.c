/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A reader of the IPv4 table against its writer.  Addresses have three bits:
 * one for the word, one for the slot, one within the slot; the default route
 * is the only alias.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stack/route/fib4.h"
#include "tests/wsim/wsim.h"

#define PREFIXES 15

static struct route_arena *arena;
static struct fib4 *fib;
static bool present[PREFIXES + 1]; /* [w] by 1 followed by the bits */
static uint32_t group[PREFIXES + 1];

void *
mmap(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	void *p = aligned_alloc(4096, size);

	(void)at, (void)prot, (void)flags, (void)fd, (void)off;
	if (p == NULL)
		return MAP_FAILED;
	memset(p, 0, size);
	return p;
}

int
munmap(void *p, size_t size)
{
	(void)p, (void)size;
	return 0;
}

int
mprotect(void *p, size_t size, int prot)
{
	(void)p, (void)size, (void)prot;
	return 0;
}

int
madvise(void *p, size_t size, int advice)
{
	(void)p, (void)size, (void)advice;
	return 0;
}

static unsigned int
place(const uint8_t *key, unsigned int plen)
{
	return 1u << plen | key[0] >> (8 - plen);
}

static uint32_t
cover(void *arg, const uint8_t *key, unsigned int plen, unsigned int *found)
{
	unsigned int i = place(key, plen);

	(void)arg;
	*found = 0;
	while (plen-- > 0) {
		i /= 2;
		if (present[i]) {
			*found = plen;
			return group[i];
		}
	}
	return FIB_NONE;
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	const unsigned int i = place(key, plen);
	uint8_t child[4] = {key[0]};
	int error = 0;

	if (present[i])
		error = fn(ctx, key, plen, group[i]);
	if (error != 0 || plen == 3)
		return error;
	error = walk(arg, child, plen + 1, fn, ctx);
	child[0] |= (uint8_t)(0x80 >> plen);
	return error != 0 ? error : walk(arg, child, plen + 1, fn, ctx);
}

/* Group 0 removes the prefix. */
static void
stage(uint8_t bits, unsigned int plen, uint32_t to)
{
	const uint8_t key[4] = {(uint8_t)(bits << 5)};
	const unsigned int i = place(key, plen);

	present[i] = to != 0;
	group[i] = to;
	wsim_assert(fib4_stage(fib, key, plen) == 0);
}

static void
commit(void)
{
	const struct fib_source source = {.cover = cover, .walk = walk};

	wsim_assert(fib4_prepare(fib, &source) == 0);
	fib4_commit(fib);
}

static void
set(uint8_t bits, unsigned int plen, uint32_t to)
{
	stage(bits, plen, to);
	commit();
}

static void
start(void)
{
	wsim_assert(route_arena_create(8192, &arena) == 0);
	wsim_assert(fib4_create(arena, &fib) == 0);
}

static uint32_t
lookup(uint8_t bits)
{
	const uint64_t s = pserialize_read_enter();
	const uint32_t found = fib4_lookup(fib, (uint32_t)bits << 29);

	pserialize_read_exit(s);
	return found;
}

/* The answer for address 0, as a fibre's result. */
static void *
look(void *arg)
{
	(void)arg;
	return (void *)(uintptr_t)lookup(0);
}

static uint32_t
join(int t)
{
	return (uint32_t)(uintptr_t)wsim_join(t);
}

/* A reader finds a whole block, the old one or the new one. */
WSIM_TEST(block_is_whole)
{
	uint32_t found;
	int t;

	start();
	set(0, 1, 1);
	t = wsim_spawn(look, NULL);
	set(0, 2, 2);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* A more specific comes, and the default's group changes. */
WSIM_TEST(alias_is_fenced)
{
	uint32_t found;
	int t;

	start();
	set(0, 0, 1);
	t = wsim_spawn(look, NULL);
	set(0, 2, 2);
	set(0, 0, 3);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* The same in one commit, and the other way round. */
WSIM_TEST(alias_changes_with_blocks)
{
	uint32_t found;
	int t;

	start();
	set(0, 0, 1);
	set(0, 3, 2);
	t = wsim_spawn(look, NULL);
	stage(0, 3, 0);
	stage(0, 0, 3);
	commit();
	found = join(t);
	wsim_assert(found == 2 || found == 3);
}

/* Blocks are used again, but not under a reader. */
WSIM_TEST(blocks_are_used_again)
{
	uint32_t found;
	int t;

	start();
	set(0, 2, 1);
	t = wsim_spawn(look, NULL);
	set(1, 3, 2);
	set(1, 3, 0);
	route_arena_settle(arena);
	set(1, 3, 3);
	found = join(t);
	wsim_assert(found == 1);
}

/* A slot with longer prefixes comes and goes. */
WSIM_TEST(longer_prefixes)
{
	uint32_t found;
	int t;

	start();
	set(0, 1, 1);
	t = wsim_spawn(look, NULL);
	set(0, 3, 2);
	set(0, 3, 0);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* More groups than narrow leaves have ids: the reader sees no difference. */
WSIM_TEST(leaves_widen)
{
	uint32_t found;
	int t;

	start();
	for (uint8_t i = 0; i < 4; i++)
		stage(i, 3, 1 + i);
	commit();
	t = wsim_spawn(look, NULL);
	for (uint8_t i = 4; i < 8; i++)
		stage(i, 3, 1 + i);
	stage(0, 3, 9);
	commit();
	found = join(t);
	wsim_assert(found == 1 || found == 9);
	wsim_assert(lookup(7) == 8);
}
