/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * IPv4 table: what is staged, and what readers get to see of it.
 *
 * Blocks and the words that name them are disjoint parts of the address space,
 * and a block is never written after it is published.  So a lookup's answer is
 * in one word: the block that it found was the word's at some time after the
 * lookup had begun, and what that block says was the answer then.
 *
 * An alias is a second word behind the first, and makes it wrong: a reader
 * takes a block, the block is replaced, the alias is rebound, and the reader,
 * with the old block, answers a group that its address never had.  So an alias
 * is rebound only when no reader is left with a block that was replaced before:
 * when a grace period has passed since the last publication.
 *
 * Invariants
 *   I1  A block is filled before a word names it and not written after.
 *   I2  A word changes from its old leaves to its new ones at one instant: the
 *       interim block, if there is one, says the same as the final one does
 *       once the aliases are rebound.
 *   I3  Aliases are rebound while no reader has a block that is not its word's.
 *   I4  Everything that can fail is done in prepare; commit only stores.
 *
 * Ordering pairs
 *   BLOCK  publish stores a direct word (release) -> fib4_lookup and the bodies
 *          of fib4_lookup_batch load it (acquire): the block and the ids that
 *          it names are filled before.
 *   ALIAS  rebind stores a group (release) -> fib4_lookup and the bodies load
 *          it (acquire): what was done about the group before the commit comes
 *          before its first user.
 * VIEW is in fib4_ids.c.
 *
 * Reclamation
 *   Blocks are retired to the arena once no word names them.
 */

#include "stack/route/fib4.h"

#include "libsync/base/point.h"
#include "stack/route/fib4_impl.h"
#include "stack/route/host.h"

static void
staged_clear(struct fib4_writer *w)
{
	uint32_t i;

	if (w->listed) {
		for (i = 0; i < w->nlist; i++) {
			fib4_bit_clear(w->dirty, FIB4_WORD(w->list[i].key));
			fib4_bit_clear(w->whole, FIB4_WORD(w->list[i].key));
		}
	} else if (w->first <= w->last) {
		for (i = w->first / 64; i <= w->last / 64; i++)
			w->dirty[i] = w->whole[i] = 0;
	}
	w->nlist = w->nstaged_alias = 0;
	w->listed = true;
	w->first = UINT32_MAX;
	w->last = 0;
}

int
fib4_create(struct route_arena *a, struct fib4 **out)
{
	struct fib4_view *v;
	struct fib4_writer *w;
	struct fib4 *f;

	f = route_host_alloc(sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	w = route_host_alloc(sizeof(*w));
	if (w == NULL)
		goto fail_writer;
	if (fib4_view_create(a, false, &v) != 0)
		goto fail_view;
	w->arena = a;
	w->before[1] = w->after[1] = (struct fib4_alias){.present = true};
	fib4_bit_set(w->used, 0);
	w->next_id = FIB4_PLAIN + 1;
	staged_clear(w);
	f->writer = w;
	f->body = fib4_body_choose();
	sync_init(&f->view, v);
	*out = f;
	return 0;

fail_view:
	route_host_free(w);
fail_writer:
	route_host_free(f);
	return -ENOMEM;
}

void
fib4_destroy(struct fib4 *f)
{
	struct fib4_view *v = fib4_current(f);
	struct fib4_writer *w = f->writer;
	uint32_t i;

	fib4_abort(f);
	for (i = 0; i < FIB4_WORDS; i++) {
		const uint32_t at = fib4_word_block(v, i);

		fib4_block_free_exts(f, v, at, 0, 0, route_arena_free);
		fib4_block_free(f, v, at, route_arena_free);
	}
	for (i = 0; i < v->ids; i++)
		if (w->uniform[i] != 0)
			route_arena_free(w->arena, w->uniform[i], 16);
	fib4_view_destroy(w->arena, v);
	if (w->retired)
		pserialize_barrier();
	route_host_free(w->change);
	route_host_free(w);
	route_host_free(f);
}

static void
stage_words(struct fib4_writer *w, uint32_t key, unsigned int plen)
{
	const uint32_t first = FIB4_WORD(key);
	const uint32_t last =
	    first + (plen < FIB4_DIRECT_BITS
			    ? (1u << (FIB4_DIRECT_BITS - plen)) - 1
			    : 0);

	if (first < w->first)
		w->first = first;
	if (last > w->last)
		w->last = last;
	if (plen < FIB4_DIRECT_BITS)
		plen = FIB4_DIRECT_BITS;
	for (uint32_t word = first; word <= last; word++) {
		if (fib4_bit(w->dirty, word)) {
			fib4_bit_set(w->whole, word);
			continue;
		}
		fib4_bit_set(w->dirty, word);
		if (w->nlist == FIB4_LIST) {
			w->listed = false;
			continue;
		}
		w->list[w->nlist++] = (struct fib4_prefix){
		    word == first ? key : word << (32 - FIB4_DIRECT_BITS),
		    plen,
		};
	}
}

int
fib4_stage(struct fib4 *f, const uint8_t *key, unsigned int plen)
{
	struct fib4_writer *w = f->writer;
	const uint32_t bits = route_bits_load32(key);
	uint16_t place;

	SYNC_REQUIRE(plen <= FIB4_PLEN_MAX && !w->prepared);
	if (plen > FIB4_ALIAS_BITS) {
		stage_words(w, bits, plen);
		return 0;
	}
	place = (uint16_t)(plen == 0 ? 1 : 1u << plen | bits >> (32 - plen));
	for (unsigned int i = 0; i < w->nstaged_alias; i++)
		if (w->staged_alias[i] == place)
			return 0;
	w->staged_alias[w->nstaged_alias++] = place;
	return 0;
}

void
fib4_prefetch(const struct fib4 *f, const uint8_t *key, bool block)
{
	const struct fib4_view *v = fib4_current(f);
	const uint32_t word = FIB4_WORD(route_bits_load32(key));

	__builtin_prefetch(block
			       ? v->blocks + (size_t)fib4_word_block(v, word) *
						 ROUTE_ARENA_GRANULE
			       : (const uint8_t *)&v->direct[word],
	    0);
}

void
fib4_undo(struct fib4 *f)
{
	struct fib4_view *v = fib4_current(f);
	struct fib4_writer *w = f->writer;

	while (w->nchange > 0) {
		const struct fib4_change *c = &w->change[--w->nchange];
		const uint32_t old = fib4_word_block(v, c->word);

		if (c->interim != 0) {
			fib4_block_free_exts(
			    f, v, c->interim, c->final, old, route_arena_free);
			fib4_block_free(f, v, c->interim, route_arena_free);
		}
		fib4_block_free_exts(f, v, c->final, old, 0, route_arena_free);
		fib4_block_free(f, v, c->final, route_arena_free);
	}
	for (unsigned int i = 0; i < w->nstaged_alias; i++) {
		const uint16_t place = w->staged_alias[i];

		if (w->after[place].present && !w->before[place].present)
			fib4_id_free(f, w->after[place].id);
		w->after[place] = w->before[place];
	}
	w->nrebind = 0;
	w->prepared = false;
}

int
fib4_prepare(struct fib4 *f, const struct fib_source *after)
{
	int error;

	SYNC_REQUIRE(!f->writer->prepared);
	error = fib4_compile(f, after);
	for (int tries = 0; error == -ENOSPC && tries < 2; tries++) {
		fib4_undo(f);
		error = fib4_ids_reclaim(f, tries > 0);
		if (error == 0)
			error = fib4_compile(f, after);
	}
	if (error != 0) {
		fib4_undo(f);
		return -ENOMEM;
	}
	f->writer->prepared = true;
	return 0;
}

/*
 * Let a word name another block.  What only the old one named is retired, but
 * not what the block that comes after this one names.
 */
static void
publish(struct fib4 *f, uint32_t word, uint32_t at, uint32_t next)
{
	struct fib4_view *v = fib4_current(f);
	const uint32_t old = fib4_word_block(v, word);

	/* BLOCK release: pairs with the acquire of lookups. */
	sync_store_release(&v->direct[word], at);
	SYNC_POINT("fib4_publish");
	fib4_block_free_exts(f, v, old, at, next, route_arena_retire);
	fib4_block_free(f, v, old, route_arena_retire);
	f->writer->unfenced = true;
}

/* Give the aliases that were staged their new groups. */
static void
rebind(struct fib4 *f)
{
	struct fib4_view *v = fib4_current(f);
	struct fib4_writer *w = f->writer;

	if (w->unfenced)
		pserialize_perform(); /* I3 */
	w->unfenced = false;
	for (unsigned int i = 0; i < w->nstaged_alias; i++) {
		const struct fib4_alias *now = &w->after[w->staged_alias[i]];

		if (!now->present ||
		    now->group == w->before[w->staged_alias[i]].group)
			continue;
		/* ALIAS release: pairs with the acquire of lookups. */
		sync_store_release(&v->group[now->id], now->group);
		SYNC_POINT("fib4_rebind");
	}
}

void
fib4_commit(struct fib4 *f)
{
	struct fib4_writer *w = f->writer;
	const struct fib4_change *c = w->change;

	SYNC_REQUIRE(w->prepared);
	for (size_t i = 0; i < w->nchange; i++)
		publish(f, c[i].word,
		    c[i].interim != 0 ? c[i].interim : c[i].final, c[i].final);
	if (w->nrebind > 0) {
		rebind(f);
		for (size_t i = 0; i < w->nchange; i++)
			if (c[i].interim != 0)
				publish(f, c[i].word, c[i].final, 0);
	}
	for (unsigned int i = 0; i < w->nstaged_alias; i++)
		w->before[w->staged_alias[i]] = w->after[w->staged_alias[i]];
	if (w->room > 16u * FIB4_LIST) {
		route_host_free(w->change);
		w->change = NULL;
		w->room = 0;
	}
	w->nchange = 0;
	w->nrebind = 0;
	w->prepared = false;
	staged_clear(w);
}

void
fib4_abort(struct fib4 *f)
{
	fib4_undo(f);
	staged_clear(f->writer);
}

void
fib4_stats(const struct fib4 *f, struct fib_stats *out)
{
	const struct fib4_view *v = fib4_current(f);
	const struct fib4_writer *w = f->writer;
	struct fib_stats s = {
	    .direct_bytes = FIB4_WORDS * sizeof(uint32_t),
	    .ext_blocks = w->exts,
	    .leaf_bits = v->wide ? 32 : 16,
	};

	for (uint32_t i = 0; i < v->ids; i++) {
		s.ids += fib4_bit(w->used, i);
		s.blocks += w->uniform[i] != 0;
		s.block_bytes += w->uniform[i] != 0 ? 16 : 0;
	}
	for (uint32_t i = 0; i < FIB4_ALIASES; i++)
		s.aliases += w->before[i].present;
	for (uint32_t i = 0; i < FIB4_WORDS; i++)
		fib4_block_count(v, fib4_word_block(v, i), &s);
	s.id_bytes = s.ids * sizeof(uint32_t);
	s.other_bytes = sizeof(*w) + w->room * sizeof(w->change[0]) +
			v->ids * sizeof(uint32_t) - s.id_bytes;
	*out = s;
}
