/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From routes to blocks.  Where a word has one change, and no longer prefix is
 * inside of what changed, the runs of its block are edited.  Else a word with
 * one change is expanded to a leaf for each slot, painted where the change is,
 * and compressed; one with several, or under a change shorter than it, is
 * painted from all its prefixes.
 *
 * A short prefix has an id of its own, its alias, so that another group for it
 * is one store (rebind, in fib4.c).  All addresses of a word have the same
 * shortest cover, so a word names one alias at most, and where a short prefix
 * comes or goes each word of it has one id replaced by another.
 *
 * Where a commit rebinds an alias and a changed block names it too, an address
 * could get the alias before it is rebound, and so the group of a state that
 * never was; or after, which is as bad for those that lose it.  Such a block is
 * made twice: the interim one names the group's own id in place of the alias.
 *
 * Invariants
 *   I1  A prefix comes before its more-specifics, so each paints over its
 *       cover; those longer than a slot come together, slot by slot.
 *   I2  While a slot is open, its leaf is in ext[], not in leaf[].
 */

#include "stack/route/fib4_impl.h"
#include "stack/route/host.h"

#define CLOSED     FIB4_SLOTS
#define CHANGE_MIN ((size_t)1024)

/* A word being compiled. */
struct job {
	struct fib4 *f;
	struct fib4_view *v;
	const struct fib_source *after;
	uint32_t key; /* what is painted, in host order */
	unsigned int plen;
	bool based; /* its own leaf, or that of its cover, is painted */
	uint32_t old[FIB4_SLOTS], leaf[FIB4_SLOTS];
	unsigned int open;       /* the slot that ext is of; or CLOSED */
	uint32_t ext[FIB4_EXTS]; /* leaves of that slot's addresses */
};

static uint32_t
alias_place(uint32_t key, unsigned int plen)
{
	return plen == 0 ? 1 : 1u << plen | key >> (32 - plen);
}

const struct fib4_alias *
fib4_alias_of(const struct fib4_alias *aliases, uint32_t word)
{
	uint32_t place =
	    alias_place(word << (32 - FIB4_DIRECT_BITS), FIB4_ALIAS_BITS);

	while (place > 1 && !aliases[place].present)
		place /= 2;
	return &aliases[place];
}

static void
ext_open(struct job *j, unsigned int slot)
{
	j->open = slot;
	if ((j->leaf[slot] & FIB4_EXT) != 0) {
		fib4_ext_expand(j->v, j->leaf[slot], j->ext);
		return;
	}
	for (unsigned int i = 0; i < FIB4_EXTS; i++)
		j->ext[i] = j->leaf[slot];
}

static bool
all_equal(const uint32_t *leaf, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		if (leaf[i] != leaf[0])
			return false;
	return true;
}

/* Leave the open slot with a leaf for what is painted in it. */
static int
ext_close(struct job *j)
{
	const unsigned int slot = j->open;
	uint32_t was[FIB4_EXTS];

	if (slot == CLOSED)
		return 0;
	j->open = CLOSED;
	if (all_equal(j->ext, FIB4_EXTS)) {
		j->leaf[slot] = j->ext[0];
		return 0;
	}
	if ((j->old[slot] & FIB4_EXT) != 0) {
		fib4_ext_expand(j->v, j->old[slot], was);
		if (memcmp(was, j->ext, sizeof(was)) == 0) {
			j->leaf[slot] = j->old[slot];
			return 0;
		}
	}
	return fib4_ext_make(j->f, j->v, j->ext, &j->leaf[slot]);
}

static int
paint(struct job *j, uint32_t key, unsigned int plen, uint32_t leaf)
{
	unsigned int i = FIB4_SLOT(key), n;
	int error = 0;

	if (plen <= FIB4_SLOT_PLEN) {
		error = ext_close(j);
		for (n = 1u << (FIB4_SLOT_PLEN - plen); n > 0; n--)
			j->leaf[i++] = leaf;
		return error;
	}
	if (j->open != i) {
		error = ext_close(j);
		if (error != 0)
			return error;
		ext_open(j, i);
	}
	i = FIB4_OFFSET(key);
	for (n = 1u << (FIB4_PLEN_MAX - plen); n > 0; n--)
		j->ext[i++] = leaf;
	return 0;
}

/* The leaf of a prefix of key with that group. */
static int
prefix_leaf(struct job *j, uint32_t key, unsigned int plen, uint32_t group,
    uint32_t *leaf)
{
	const struct fib4_alias *alias;

	if (plen > FIB4_ALIAS_BITS)
		return fib4_id_of(j->f, group, leaf);
	alias = &j->f->writer->after[alias_place(
	    plen == 0 ? 0 : key >> (32 - plen) << (32 - plen), plen)];
	SYNC_REQUIRE(plen == 0 || alias->present);
	*leaf = alias->id;
	return 0;
}

/* The leaf of what covers the change from outside. */
static int
cover_leaf(struct job *j, uint32_t *leaf)
{
	unsigned int plen = 0;
	uint32_t group;
	uint8_t key[4];

	route_bits_store32(key, j->key);
	group = j->after->cover(j->after->arg, key, j->plen, &plen);
	return prefix_leaf(j, j->key, plen, group, leaf);
}

static int
paint_base(struct job *j)
{
	uint32_t leaf;
	int error;

	error = cover_leaf(j, &leaf);
	if (error == 0)
		error = paint(j, j->key, j->plen, leaf);
	j->based = true;
	return error;
}

static int
paint_prefix(void *ctx, const uint8_t *bytes, unsigned int plen, uint32_t group)
{
	struct job *j = ctx;
	const uint32_t key = route_bits_load32(bytes);
	uint32_t leaf;
	int error = 0;

	if (plen == j->plen)
		j->based = true;
	if (!j->based)
		error = paint_base(j);
	if (error == 0)
		error = fib4_id_of(j->f, group, &leaf);
	return error != 0 ? error : paint(j, key, plen, leaf);
}

/* Paint key/plen, at least as long as a word, from its routes. */
static int
paint_routes(struct job *j, uint32_t key, unsigned int plen)
{
	uint8_t bytes[4];
	int error;

	j->key = key;
	j->plen = plen;
	j->based = false;
	route_bits_store32(bytes, key);
	error = j->after->walk(j->after->arg, bytes, plen, paint_prefix, j);
	if (error == 0 && !j->based)
		error = paint_base(j);
	return error != 0 ? error : ext_close(j);
}

/* Free the blocks for longer prefixes in leaf that keep has not. */
static void
exts_unmake(struct job *j, const uint32_t leaf[FIB4_SLOTS],
    const uint32_t keep[FIB4_SLOTS])
{
	for (unsigned int i = 0; i < FIB4_SLOTS; i++)
		if ((leaf[i] & FIB4_EXT) != 0 && leaf[i] != keep[i])
			fib4_ext_free(j->f, j->v, leaf[i], route_arena_free);
}

/* Replace an id by another one in all leaves; new blocks where needed. */
static int
substitute(struct job *j, uint32_t leaf[FIB4_SLOTS], uint32_t from, uint32_t to)
{
	uint32_t ext[FIB4_EXTS];
	int error;

	for (unsigned int i = 0; i < FIB4_SLOTS; i++) {
		bool found = false;

		if (leaf[i] == from)
			leaf[i] = to;
		if ((leaf[i] & FIB4_EXT) == 0)
			continue;
		fib4_ext_expand(j->v, leaf[i], ext);
		for (unsigned int k = 0; k < FIB4_EXTS; k++)
			if (ext[k] == from) {
				ext[k] = to;
				found = true;
			}
		if (!found)
			continue;
		error = fib4_ext_make(j->f, j->v, ext, &leaf[i]);
		if (error != 0)
			return error;
	}
	return 0;
}

/* The block of a changed word to show until its alias is rebound; or 0. */
static int
interim(struct job *j, uint32_t word, uint32_t *out)
{
	const struct fib4_alias *alias =
	    fib4_alias_of(j->f->writer->after, word);
	const struct fib4_alias *was =
	    &j->f->writer->before[alias - j->f->writer->after];
	uint32_t leaf[FIB4_SLOTS], id;
	int error;

	*out = 0;
	if (!was->present || was->group == alias->group)
		return 0;
	error = fib4_id_of(j->f, alias->group, &id);
	if (error != 0)
		return error;
	memcpy(leaf, j->leaf, sizeof(leaf));
	error = substitute(j, leaf, alias->id, id);
	if (error == 0 && memcmp(leaf, j->leaf, sizeof(leaf)) != 0)
		error = fib4_block_make(j->f, j->v, leaf, out);
	if (error != 0)
		exts_unmake(j, leaf, j->leaf);
	return error;
}

static int
change_reserve(struct fib4_writer *w)
{
	const size_t room = w->room == 0 ? CHANGE_MIN : 2 * w->room;
	struct fib4_change *change;

	if (w->nchange < w->room)
		return 0;
	change = route_host_resize(
	    w->change, w->room * sizeof(*change), room * sizeof(*change));
	if (change == NULL)
		return -ENOMEM;
	w->change = change;
	w->room = room;
	return 0;
}

/* Blocks for j->leaf, if it is not what is published. */
static int
finish(struct job *j, uint32_t word)
{
	struct fib4_writer *w = j->f->writer;
	struct fib4_change c = {.word = word};
	int error;

	if (memcmp(j->leaf, j->old, sizeof(j->old)) == 0)
		return 0;
	error = change_reserve(w);
	if (error == 0)
		error = fib4_block_make(j->f, j->v, j->leaf, &c.final);
	if (error != 0)
		return error;
	if (w->nrebind > 0)
		error = interim(j, word, &c.interim);
	if (error != 0) {
		fib4_block_free(j->f, j->v, c.final, route_arena_free);
		return error;
	}
	w->change[w->nchange++] = c;
	return 0;
}

/* Compile a word after a change of key/plen, no shorter than the word. */
static int
compile_word(struct job *j, uint32_t word, uint32_t key, unsigned int plen)
{
	int error;

	fib4_block_expand(j->v, fib4_word_block(j->v, word), j->old);
	memcpy(j->leaf, j->old, sizeof(j->leaf));
	j->open = CLOSED;
	error = paint_routes(j, key, plen);
	if (error == 0)
		error = finish(j, word);
	if (error != 0)
		exts_unmake(j, j->leaf, j->old);
	return error;
}

/* The same where the change has no longer prefixes inside: 1 if it may have. */
static int
edit_word(struct job *j, uint32_t word, uint32_t key, unsigned int plen)
{
	struct fib4_writer *w = j->f->writer;
	const uint32_t old = fib4_word_block(j->v, word);
	uint32_t group, leaf, at;
	unsigned int from;
	uint8_t bytes[4];
	int error;

	route_bits_store32(bytes, key);
	if (j->after->alone == NULL || w->nrebind > 0 ||
	    plen > FIB4_SLOT_PLEN ||
	    !j->after->alone(j->after->arg, bytes, plen, &group, &from))
		return 1;
	error = prefix_leaf(j, key, from, group, &leaf);
	if (error == 0)
		error = change_reserve(w);
	if (error == 0)
		error = fib4_block_edit(j->f, j->v, old, FIB4_SLOT(key),
		    1u << (FIB4_SLOT_PLEN - plen), leaf, &at);
	if (error == 0 && at != old)
		w->change[w->nchange++] =
		    (struct fib4_change){.word = word, .final = at};
	return error;
}

/* Compile a word of which only the alias is another one; leaf by leaf. */
static int
move_word_slowly(struct job *j, uint32_t word, uint32_t from, uint32_t to)
{
	int error;

	fib4_block_expand(j->v, fib4_word_block(j->v, word), j->old);
	memcpy(j->leaf, j->old, sizeof(j->leaf));
	error = substitute(j, j->leaf, from, to);
	if (error == 0)
		error = finish(j, word);
	if (error != 0)
		exts_unmake(j, j->leaf, j->old);
	return error;
}

/* The same; where nothing is in the way, in the block as it is. */
static int
move_word(struct job *j, uint32_t word)
{
	struct fib4_writer *w = j->f->writer;
	const uint32_t from = fib4_alias_of(w->before, word)->id;
	const uint32_t to = fib4_alias_of(w->after, word)->id;
	const uint32_t old = fib4_word_block(j->v, word);
	uint32_t at;
	int error;

	if (from == to)
		return 0;
	if (w->nrebind > 0)
		return move_word_slowly(j, word, from, to);
	error = change_reserve(w);
	if (error == 0)
		error = fib4_block_substitute(j->f, j->v, old, from, to, &at);
	if (error > 0)
		return move_word_slowly(j, word, from, to);
	if (error == 0 && at != old)
		w->change[w->nchange++] =
		    (struct fib4_change){.word = word, .final = at};
	return error;
}

struct self {
	unsigned int plen;
	bool present;
	uint32_t group;
};

/* The prefix walked into comes first, if there is such a route. */
static int
find_self(void *ctx, const uint8_t *bytes, unsigned int plen, uint32_t group)
{
	struct self *self = ctx;

	(void)bytes;
	if (plen == self->plen) {
		self->present = true;
		self->group = group;
	}
	return 1;
}

/* All words of a short prefix name another alias. */
static void
alias_moved(struct fib4_writer *w, uint32_t place, unsigned int plen)
{
	const uint32_t n = 1u << (FIB4_DIRECT_BITS - plen);
	const uint32_t first = (place - (1u << plen)) * n;

	for (uint32_t word = first; word < first + n; word++)
		fib4_bit_set(w->whole, word);
	if (first < w->first)
		w->first = first;
	if (first + n - 1 > w->last)
		w->last = first + n - 1;
	w->listed = false;
}

/* What has become of a short prefix that was staged. */
static int
compile_alias(struct job *j, uint32_t place)
{
	struct fib4_writer *w = j->f->writer;
	const unsigned int plen = 63u - route_bits_above(place);
	const struct fib4_alias *was = &w->before[place];
	struct fib4_alias *now = &w->after[place];
	struct self found = {.plen = plen, .group = FIB_NONE};
	uint8_t bytes[4];
	int error;

	route_bits_store32(bytes, plen == 0 ? 0 : place << (32 - plen));
	(void)j->after->walk(j->after->arg, bytes, plen, find_self, &found);
	now->group = found.group;
	if (plen == 0 || (found.present && was->present)) {
		w->nrebind += now->group != was->group;
		return 0;
	}
	if (found.present == was->present)
		return 0;
	if (found.present) {
		error = fib4_id_alloc(j->f, found.group, &now->id);
		if (error != 0)
			return error;
	}
	now->present = found.present;
	alias_moved(w, place, plen);
	return 0;
}

/* Words in order, where the list has not all of them. */
static int
compile_marked(struct job *j)
{
	struct fib4_writer *w = j->f->writer;
	int error = 0;

	for (uint32_t i = w->first / 64; i <= w->last / 64 && error == 0; i++) {
		uint64_t left = w->dirty[i] | w->whole[i];

		for (; left != 0 && error == 0; left &= left - 1) {
			const uint32_t word = i * 64 + route_bits_first(left);

			error = fib4_bit(w->dirty, word)
				    ? compile_word(j, word,
					  word << (32 - FIB4_DIRECT_BITS),
					  FIB4_DIRECT_BITS)
				    : move_word(j, word);
		}
	}
	return error;
}

int
fib4_compile(struct fib4 *f, const struct fib_source *after)
{
	struct job j = {.f = f, .v = fib4_current(f), .after = after};
	struct fib4_writer *w = f->writer;
	int error = 0;

	for (unsigned int i = 0; i < w->nstaged_alias && error == 0; i++)
		error = compile_alias(&j, w->staged_alias[i]);
	if (error != 0)
		return error;
	if (!w->listed)
		return w->first > w->last ? 0 : compile_marked(&j);
	for (unsigned int i = 0; i < w->nlist && error == 0; i++) {
		const struct fib4_prefix *p = &w->list[i];
		const uint32_t word = FIB4_WORD(p->key);

		if (fib4_bit(w->whole, word)) {
			error = compile_word(&j, word,
			    word << (32 - FIB4_DIRECT_BITS), FIB4_DIRECT_BITS);
			continue;
		}
		error = edit_word(&j, word, p->key, p->plen);
		if (error > 0)
			error = compile_word(&j, word, p->key, p->plen);
	}
	return error;
}
