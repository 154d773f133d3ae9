/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A directory of 2^20 words by the first bits, and below each word a search
 * tree over the next 32 bits, of lines as large as a cache line:
 *
 *   dir[hi >> 44] ---> inner: base | 15 keys
 *                             |
 *                             v
 *                      up to 16 lines, side by side: inner lines, or leaves of
 *                      10 keys and 11 values of 16 bits
 *
 *   value: 0, the group of the short prefixes of the address; a local id, which
 *   groups[] turns into a group; or a stage: stages[n] is a word like those of
 *   the directory, for one number of 32 bits, by the next 32 bits, and so on.
 *
 * A word without levels is the group itself.  Where the local ids do not
 * suffice, the leaves below one word are wide: 7 keys and 8 groups.
 *
 * Prefixes of up to 12 bits are in no line: groups[] has a word for each value
 * of the first 12 bits, the group of the longest of them.  So the default route
 * changes by at most 4096 stores, whatever the table holds.
 *
 * The search tree and its numbers: Zec and Mikuc's DXR has binary search in
 * such ranges, PlanB (Zhang et al., NSDI 2026) lines of keys.  Here the leaves
 * hold the values, which saves a line for each lookup.
 *
 * Invariants
 *   I1  What readers can find in a line never changes but for base, and for the
 *       value of a leaf; the children of each base, and the values, that a line
 *       ever has are divided by its keys.
 *   I2  The words of the directory, of a stage, and the base of a line have
 *       the lines below to themselves; one that is replaced is never stored to
 *       again.
 *   I3  A local id and a stage's number mean one group and one prefix until no
 *       reader is left that may have found them.
 *   I4  No reader holds a line or value that was replaced when a word of the
 *       short prefixes is stored to: published is false then.
 *   I5  A commit allocates nothing.
 *
 * By I1 and I2 a lookup answers with what one word led to.  If that was still
 * in place when the value was read, it is the answer of then; if not, it was
 * the answer just before it was replaced, which is after the lookup found it.
 * With a short prefix, the word of it is read later.  By I4 no commit that
 * stores to that falls between the replacement and the reading, so there was a
 * time when both were true.  A commit that changes lines and short prefixes
 * first has lines with the short prefixes' new groups written out, then stores
 * the words, then has lines that refer to them: no address is seen with the new
 * one of one and the old one of the other.
 *
 * Ordering pairs
 *   LINE  commit stores a word (release) -> a lookup loads it (acquire): lines
 *         are filled, and ids bound, before they can be found.
 *   BRIEF  commit stores the word of a short prefix (release) -> a lookup loads
 *         it (acquire): what its group means, to whoever gave the number, was
 *         made before the group can be found.
 *   VALUE  commit stores a value of a leaf (release) -> a lookup loads it
 *         (acquire): its id is bound before.
 *
 * Reclamation
 *   Lines go to the arena, which waits for readers.  Ids: fib6_ids.c.
 */

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/bits.h"
#include "stack/route/fib6_impl.h"
#include "stack/route/host.h"

#define DIR_WORDS   ((size_t)1 << FIB6_DIR_BITS)
#define SHORT_WORDS ((size_t)1 << FIB6_SHORT_BITS)
#define BRIEFS      (2 * SHORT_WORDS) /* numbers of the heap */
#define HASH_MIN    ((size_t)64)
#define VEC_KEEP    ((size_t)4096) /* elements kept for the next change */
#define MAPPED_WORDS \
	(DIR_WORDS + FIB6_STAGES_MAX + FIB6_GROUPS + BRIEFS + BRIEFS / 4)

static uint64_t
ones(unsigned int n)
{
	return n == 0 ? 0 : n >= 64 ? UINT64_MAX : ~(UINT64_MAX >> n);
}

static struct fib6_hull
hull_of(uint64_t hi, uint64_t lo, unsigned int plen)
{
	return (struct fib6_hull){
	    .hi = hi & ones(plen),
	    .lo = plen > 64 ? lo & ones(plen - 64) : 0,
	    .plen = plen,
	};
}

static struct fib6_hull
hull_of_both(const struct fib6_hull *a, const struct fib6_hull *b)
{
	const uint64_t hi = a->hi ^ b->hi, lo = a->lo ^ b->lo;
	unsigned int plen = a->plen < b->plen ? a->plen : b->plen;
	unsigned int same = 128;

	if (hi != 0)
		same = route_bits_above(hi);
	else if (lo != 0)
		same = 64 + route_bits_above(lo);
	return hull_of(a->hi, a->lo, same < plen ? same : plen);
}

static void
vec_fini(struct fib6_vec *v)
{
	route_host_free(v->at);
	*v = (struct fib6_vec){0};
}

static void
vec_empty(struct fib6_vec *v)
{
	v->n = 0;
	if (v->room > VEC_KEEP)
		vec_fini(v);
}

static void
writer_free(struct fib6_writer *w)
{
	if (w == NULL)
		return;
	vec_fini(&w->hulls);
	vec_fini(&w->briefs);
	vec_fini(&w->jobs);
	vec_fini(&w->fresh);
	vec_fini(&w->taken);
	vec_fini(&w->new_stages);
	vec_fini(&w->routes);
	vec_fini(&w->ranges);
	vec_fini(&w->old);
	vec_fini(&w->mix);
	route_host_free(w->local.id);
	route_host_free(w->stage.id);
	route_host_free(w->group_local);
	route_host_free(w->hash);
	route_host_free(w);
}

static struct fib6_writer *
writer_alloc(struct route_arena *a)
{
	struct fib6_writer *w = route_host_alloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->arena = a;
	w->local.limit = FIB6_LOCAL_MAX;
	w->local.split = FIB6_LOCAL_MAX;
	w->stage.limit = FIB6_STAGES_MAX;
	w->stage.split = FIB6_LEAF_STAGE;
	w->hash_room = HASH_MIN;
	w->hash = route_host_alloc(w->hash_room * sizeof(*w->hash));
	if (w->hash == NULL) {
		writer_free(w);
		return NULL;
	}
	return w;
}

/* Of the directory, stages, groups, and the writer's short prefixes. */
static size_t
words_bytes(void)
{
	return SYNC_ROUNDUP(
	    MAPPED_WORDS * sizeof(struct fib6_word), route_host_page());
}

int
fib6_create(struct route_arena *a, struct fib6 **out)
{
	struct fib6 *f = route_host_alloc(sizeof(*f));
	void *words;

	if (f == NULL)
		return -ENOMEM;
	f->writer = writer_alloc(a);
	if (f->writer == NULL)
		goto free_table;
	words = route_host_map(words_bytes(), route_host_page());
	if (words == NULL)
		goto free_writer;
	if (route_host_use(words, words_bytes()) != 0)
		goto unmap_words;
	f->dir = words;
	f->stages = f->dir + DIR_WORDS;
	f->groups = f->stages + FIB6_STAGES_MAX;
	f->writer->brief = (void *)(f->groups + FIB6_GROUPS);
	f->writer->brief_staged = (void *)(f->writer->brief + BRIEFS);
	f->lines = route_arena_at(a, 0);
	fib6_batch_choose(f);
	*out = f;
	return 0;

unmap_words:
	route_host_unmap(words, words_bytes());
free_writer:
	writer_free(f->writer);
free_table:
	route_host_free(f);
	return -ENOMEM;
}

static bool
page_used(const struct fib6_writer *w, size_t word)
{
	const size_t page = word / FIB6_PAGE_WORDS;

	return (w->dir_used[page / 64] >> page % 64 & 1) != 0;
}

void
fib6_destroy(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;

	fib6_abort(f);
	w->commits++;
	for (size_t i = 0; i < DIR_WORDS; i++) {
		if (!page_used(w, i))
			i += FIB6_PAGE_WORDS - 1;
		else
			/* relaxed: only the writer stores to it. */
			fib6_build_drop_root(
			    f, sync_load_relaxed(&f->dir[i].w));
	}
	SYNC_REQUIRE(w->lines == 0 && w->blocks == 0);
	route_host_unmap(f->dir, words_bytes());
	writer_free(w);
	route_host_free(f);
}

static uint32_t *
hash_slot(const struct fib6_writer *w, uint64_t hi)
{
	const struct fib6_hull *h = w->hulls.at;
	const uint32_t chunk = (uint32_t)(hi >> (64 - FIB6_DIR_BITS));
	size_t i = (chunk * 2654435761u >> 8) & (w->hash_room - 1);

	while (w->hash[i] != 0 &&
	       h[w->hash[i] - 1].hi >> (64 - FIB6_DIR_BITS) != chunk)
		i = (i + 1) & (w->hash_room - 1);
	return &w->hash[i];
}

/* Room for n more hulls, in a hash at most half full. */
static int
hull_room(struct fib6_writer *w, size_t n)
{
	const struct fib6_hull *h;
	size_t room = w->hash_room;
	uint32_t *hash;

	if (fib6_vec_more(&w->hulls, n, sizeof(*h)) != 0)
		return -ENOMEM;
	while (room / 2 < w->hulls.n + n)
		room *= 2;
	if (room == w->hash_room)
		return 0;
	hash = route_host_alloc(room * sizeof(*hash));
	if (hash == NULL)
		return -ENOMEM;
	route_host_free(w->hash);
	w->hash = hash;
	w->hash_room = room;
	h = w->hulls.at;
	for (uint32_t i = 0; i < w->hulls.n; i++)
		*hash_slot(w, h[i].hi) = i + 1;
	return 0;
}

static void
hull_add(struct fib6_writer *w, const struct fib6_hull *h)
{
	uint32_t *slot = hash_slot(w, h->hi);
	struct fib6_hull *have = w->hulls.at;

	if (*slot != 0) {
		have += *slot - 1;
		*have = hull_of_both(have, h);
		return;
	}
	have[w->hulls.n++] = *h;
	*slot = (uint32_t)w->hulls.n;
}

static int
stage_brief(struct fib6_writer *w, uint64_t hi, unsigned int plen)
{
	const uint32_t node =
	    (uint32_t)1 << plen | (uint32_t)(plen != 0 ? hi >> (64 - plen) : 0);
	struct fib6_brief *b;

	if (w->brief_staged[node] != 0)
		return 0;
	if (fib6_vec_more(&w->briefs, 1, sizeof(*b)) != 0)
		return -ENOMEM;
	b = (struct fib6_brief *)w->briefs.at + w->briefs.n++;
	*b = (struct fib6_brief){.node = node};
	w->brief_staged[node] = 1;
	return 0;
}

int
fib6_stage(struct fib6 *f, const uint8_t *key, unsigned int plen)
{
	struct fib6_writer *w = f->writer;
	struct fib6_hull h;
	size_t n = 1;

	SYNC_REQUIRE(plen <= 128 && !w->prepared);
	h = hull_of(route_bits_load64(key), route_bits_load64(key + 8), plen);
	if (plen <= FIB6_SHORT_BITS)
		return stage_brief(w, h.hi, plen);
	if (plen < FIB6_DIR_BITS) {
		n = (size_t)1 << (FIB6_DIR_BITS - plen);
		h.plen = FIB6_DIR_BITS;
	}
	if (hull_room(w, n) != 0)
		return -ENOMEM;
	for (; n > 0; n--) {
		hull_add(w, &h);
		h.hi += (uint64_t)1 << (64 - FIB6_DIR_BITS);
	}
	return 0;
}

void
fib6_prefetch(const struct fib6 *f, const uint8_t *key, bool line)
{
	const struct fib6_word *word =
	    &f->dir[route_bits_load64(key) >> (64 - FIB6_DIR_BITS)];
	uint32_t w;

	if (!line) {
		__builtin_prefetch(word);
		return;
	}
	/* relaxed: only the writer stores to it. */
	w = sync_load_relaxed(&word->w);
	if (FIB6_LEVELS(w) != 0)
		__builtin_prefetch(fib6_line(f, FIB6_NUMBER(w)));
}

static int
note_exact(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	struct fib6_brief *b = ctx;

	(void)key;
	if (plen <= FIB6_SHORT_BITS && b->node >> plen == 1)
		b->group = group;
	return 1;
}

/* Ask for the staged short prefixes. */
static void
ask_briefs(struct fib6_writer *w)
{
	struct fib6_brief *b = w->briefs.at;

	for (size_t i = 0; i < w->briefs.n; i++) {
		const unsigned int plen = 63 - route_bits_above(b[i].node);
		uint8_t key[16] = {0};

		if (plen > 0)
			route_bits_store64(
			    key, (uint64_t)b[i].node << (64 - plen));
		b[i].group = FIB_NONE;
		(void)w->after->walk(
		    w->after->arg, key, plen, note_exact, &b[i]);
	}
}

/* Put the staged short prefixes in the heap, or take them out again. */
static void
swap_briefs(struct fib6_writer *w)
{
	struct fib6_brief *b = w->briefs.at;

	for (size_t i = 0; i < w->briefs.n; i++) {
		const uint32_t group = w->brief[b[i].node];

		w->brief[b[i].node] = b[i].group;
		b[i].group = group;
	}
}

/* The group of the longest short prefix at a node or above. */
static uint32_t
brief_group(const struct fib6_writer *w, uint32_t node)
{
	while (node > 1 && w->brief[node] == FIB_NONE)
		node /= 2;
	return w->brief[node];
}

static bool
brief_changes(const struct fib6 *f, uint64_t hi)
{
	const uint32_t i = (uint32_t)(hi >> (64 - FIB6_SHORT_BITS));

	/* relaxed: only the writer stores to it. */
	return sync_load_relaxed(&f->groups[FIB6_LOCAL_MAX + i].w) !=
	       brief_group(f->writer, (uint32_t)SHORT_WORDS + i);
}

/* Store the short prefixes at a node and below it. */
static void
store_briefs(struct fib6 *f, uint32_t node, uint32_t group)
{
	struct fib6_word *word;

	if (f->writer->brief[node] != FIB_NONE)
		group = f->writer->brief[node];
	if (node < SHORT_WORDS) {
		store_briefs(f, 2 * node, group);
		store_briefs(f, 2 * node + 1, group);
		return;
	}
	word = &f->groups[FIB6_LOCAL_MAX + node - (uint32_t)SHORT_WORDS];
	/* relaxed: only the writer stores to it. */
	if (sync_load_relaxed(&word->w) == group)
		return;
	/* BRIEF release: pairs with the acquires of lookups.  No reader has an
	 * older line (I4), and what is stored to later is ordered by LINE. */
	sync_store_release(&word->w, group);
}

/* The whole of a hull's word, before and after the short prefixes change. */
static int
compile_word(struct fib6 *f, const struct fib6_hull *part, struct fib6_job *out)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_hull h = hull_of(part->hi, 0, FIB6_DIR_BITS);
	int error = fib6_paint(f, &h, FIB6_DIR_BITS, false);

	*out = (struct fib6_job){.word = &f->dir[h.hi >> (64 - FIB6_DIR_BITS)]};
	/* relaxed: only the writer stores to it. */
	out->gone = sync_load_relaxed(&out->word->w);
	if (error == 0)
		error =
		    fib6_build_root(f, w->ranges.at, w->ranges.n, &out->later);
	out->first = out->later;
	if (error != 0 || !brief_changes(f, h.hi))
		return error;
	error = fib6_paint(f, &h, FIB6_DIR_BITS, true);
	if (error == 0)
		error =
		    fib6_build_root(f, w->ranges.at, w->ranges.n, &out->first);
	return error;
}

/* The hull, which is in the stage of word.  Returns: as fib6_build_edit(). */
static int
compile_hull(struct fib6 *f, const struct fib6_hull *part, unsigned int at,
    struct fib6_word *word, struct fib6_job *out, uint32_t *whole)
{
	struct fib6_writer *w = f->writer;
	struct fib6_hull h = *part;
	uint32_t span[2], value = 0;
	int error = fib6_vec_more(&w->ranges, 1, sizeof(struct fib6_range));

	if (error != 0)
		return error;
	if (h.plen > at + FIB6_STAGE_BITS)
		h = hull_of(h.hi, h.lo, at + FIB6_STAGE_BITS);
	fib6_paint_span(&h, at, span);
	w->tight = h.plen == FIB6_DIR_BITS;
	if (h.plen != part->plen)
		/* relaxed: only the writer stores to it. */
		value =
		    fib6_build_value(f, sync_load_relaxed(&word->w), span[0]);
	if ((value & FIB6_STAGE) == 0) {
		error = fib6_paint(f, &h, at, false);
	} else {
		error = compile_hull(f, part, at + FIB6_STAGE_BITS,
		    &f->stages[value & ~FIB6_STAGE], out, &value);
		if (error != FIB6_WHOLE)
			return error;
		error = 0;
		w->ranges.n = 1;
		*(struct fib6_range *)w->ranges.at =
		    (struct fib6_range){span[0], value};
	}
	return error != 0 ? error : fib6_build_edit(f, word, span, out, whole);
}

static int
compile_all(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_hull *h = w->hulls.at;
	struct fib6_job *job;
	int error = fib6_vec_more(&w->jobs, w->hulls.n, sizeof(*job));

	for (size_t i = 0; error == 0 && i < w->hulls.n; i++) {
		job = (struct fib6_job *)w->jobs.at + w->jobs.n;
		if (w->briefs.n != 0)
			error = compile_word(f, &h[i], job);
		else
			error = compile_hull(f, &h[i], FIB6_DIR_BITS,
			    &f->dir[h[i].hi >> (64 - FIB6_DIR_BITS)], job,
			    NULL);
		if (error == 0)
			w->jobs.n++;
		else if (error == FIB6_SAME)
			error = 0;
	}
	return error;
}

int
fib6_prepare(struct fib6 *f, const struct fib_source *after)
{
	struct fib6_writer *w = f->writer;
	int error;

	SYNC_REQUIRE(!w->prepared);
	SYNC_ASSERT(!pserialize_in_read_section());
	w->after = after;
	ask_briefs(w);
	swap_briefs(w);
	error = compile_all(f);
	w->after = NULL;
	if (error != 0) {
		swap_briefs(w);
		fib6_build_undo(f);
		w->jobs.n = 0;
		return error;
	}
	w->prepared = true;
	return 0;
}

static void
forget(struct fib6_writer *w)
{
	const struct fib6_brief *b = w->briefs.at;

	if (w->hulls.n > 1)
		memset(w->hash, 0, w->hash_room * sizeof(*w->hash));
	else if (w->hulls.n == 1)
		*hash_slot(w, ((struct fib6_hull *)w->hulls.at)->hi) = 0;
	for (size_t i = 0; i < w->briefs.n; i++)
		w->brief_staged[b[i].node] = 0;
	vec_empty(&w->hulls);
	vec_empty(&w->briefs);
	vec_empty(&w->jobs);
	vec_empty(&w->fresh);
	vec_empty(&w->taken);
	vec_empty(&w->new_stages);
	vec_empty(&w->routes);
	vec_empty(&w->ranges);
	vec_empty(&w->old);
	vec_empty(&w->mix);
	w->prepared = false;
}

void
fib6_abort(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;

	if (w->prepared) {
		swap_briefs(w);
		fib6_build_undo(f);
	}
	forget(w);
}

/* Let readers see the later value of each job, once they see the first. */
static void
publish_later(struct fib6_writer *w)
{
	const struct fib6_job *job = w->jobs.at;

	for (size_t i = 0; i < w->jobs.n; i++) {
		if (job[i].later == job[i].first)
			continue;
		/* LINE release: pairs with the acquire in fib6_lookup(). */
		sync_store_release(&job[i].word->w, job[i].later);
		w->published = true;
	}
}

static void
publish_briefs(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_brief *b = w->briefs.at;

	if (w->published) {
		pserialize_perform();
		w->published = false;
		w->safe = w->commits - 1;
	}
	for (size_t i = 0; i < w->briefs.n; i++)
		store_briefs(f, b[i].node, brief_group(w, b[i].node));
}

static void
note_page(struct fib6 *f, const struct fib6_word *word)
{
	const size_t i = ((uintptr_t)word - (uintptr_t)f->dir) / sizeof(*word);

	if (i < DIR_WORDS)
		f->writer->dir_used[i / FIB6_PAGE_WORDS / 64] |=
		    UINT64_C(1) << i / FIB6_PAGE_WORDS % 64;
}

void
fib6_commit(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_job *job = w->jobs.at;

	SYNC_REQUIRE(w->prepared);
	w->commits++;
	for (size_t i = 0; i < w->jobs.n; i++) {
		if (job[i].half != NULL) {
			/* VALUE release: pairs with the acquire in lookups. */
			sync_store_release(
			    &job[i].half->v, (uint16_t)job[i].first);
		} else {
			/* LINE release: pairs with the acquire in lookups. */
			sync_store_release(&job[i].word->w, job[i].first);
			note_page(f, job[i].word);
		}
		w->published = true;
	}
	if (w->briefs.n != 0)
		publish_briefs(f);
	publish_later(w);
	for (size_t i = 0; i < w->jobs.n; i++) {
		fib6_build_drop(f, &job[i]);
		if (job[i].later != job[i].first)
			fib6_build_drop_root(f, job[i].first);
	}
	forget(w);
}

static size_t
dir_bytes(const struct fib6_writer *w)
{
	size_t pages = 0;

	for (size_t i = 0; i < FIB6_DIR_PAGES / 64; i++)
		pages += route_bits_count(w->dir_used[i]);
	return pages * FIB6_PAGE_WORDS * sizeof(struct fib6_word);
}

static bool
is_wide(uint32_t word)
{
	return FIB6_LEVELS(word) != 0 && (word & FIB6_WIDE) != 0;
}

static bool
any_wide(const struct fib6 *f)
{
	const size_t stages = f->writer->stage.made;
	size_t n = 0;

	for (size_t i = 0; i < DIR_WORDS; i++) {
		if (!page_used(f->writer, i))
			i += FIB6_PAGE_WORDS - 1;
		else
			/* relaxed: only the writer stores to it. */
			n += is_wide(sync_load_relaxed(&f->dir[i].w));
	}
	for (size_t i = 1; i <= stages; i++)
		/* relaxed: as above. */
		n += is_wide(sync_load_relaxed(&f->stages[i].w));
	return n != 0;
}

static size_t
writer_bytes(const struct fib6_writer *w)
{
	return sizeof(*w) + w->hash_room * sizeof(*w->hash) +
	       w->groups * sizeof(*w->group_local) +
	       (w->local.room + w->stage.room) * sizeof(*w->local.id) +
	       w->hulls.room * sizeof(struct fib6_hull) +
	       w->briefs.room * sizeof(struct fib6_brief) +
	       w->jobs.room * sizeof(struct fib6_job) +
	       w->fresh.room * sizeof(struct fib6_block) +
	       (w->taken.room + w->new_stages.room) * sizeof(uint32_t) +
	       w->routes.room * sizeof(struct fib6_route) +
	       (w->ranges.room + w->old.room + w->mix.room) *
		   sizeof(struct fib6_range);
}

void
fib6_stats(const struct fib6 *f, struct fib_stats *out)
{
	const struct fib6_writer *w = f->writer;

	*out = (struct fib_stats){
	    .direct_bytes = dir_bytes(w),
	    .block_bytes = w->lines * SYNC_CACHELINE,
	    .id_bytes = (w->local.made + w->stage.made + SHORT_WORDS) *
			sizeof(struct fib6_word),
	    .other_bytes = writer_bytes(w),
	    .blocks = w->blocks,
	    .ext_blocks = w->stage.made,
	    .ids = w->local.made,
	    .aliases = (uint32_t)SHORT_WORDS,
	    .leaf_bits = any_wide(f) ? 32 : 16,
	};
}
