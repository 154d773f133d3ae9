/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From ranges to lines: leaves of a few ranges each, and above them lines of up
 * to sixteen children, all leaves at the same depth.
 *
 * An edit looks for the lowest line that holds all of the span, takes the
 * ranges below it apart, and builds them anew.  If they are too many for its
 * height, or few, it goes on with the line above: the lower the density that a
 * line accepts, the higher it is, so after a line was built anew those below
 * have room for a number of edits that grows with its size (the argument of
 * Itai, Konheim, Rodeh, A Sparse Table Implementation of Priority Queues,
 * 1981).
 *
 * The children of a line lie side by side, so one is replaced by a copy of all
 * of them, and by one store to the line's base.
 */

#include "libsync/base/assert.h"
#include "stack/route/fib6_impl.h"

#define FANOUT (FIB6_INNER_KEYS + 1u)

/* A line, and the numbers that are below it. */
struct place {
	uint32_t line, first, last;
	unsigned int levels;
	unsigned int child; /* of the line above */
};

static unsigned int
leaf_size(bool wide)
{
	return wide ? FIB6_WIDE_KEYS + 1 : FIB6_LEAF_KEYS + 1;
}

/* The most ranges that may be below a line. */
static uint32_t
most(bool wide, unsigned int levels)
{
	uint32_t n = leaf_size(wide);

	for (unsigned int i = 1; i < levels; i++)
		n *= FANOUT;
	return n / 16 * (17 - levels) + n % 16 * (17 - levels) / 16;
}

/*
 * How many to put there where there is a choice: leaves are filled if most of
 * the tree is new, and have room for the next edits otherwise.
 */
static uint32_t
goal(bool wide, unsigned int levels, bool tight)
{
	uint32_t n = leaf_size(wide) - 1;

	if (levels == 1)
		return tight ? n + 1 : n - 1;
	for (unsigned int i = 1; i < levels; i++)
		n *= FANOUT - 1;
	return n;
}

/* So few that the line above is worth a look. */
static uint32_t
few(bool wide, unsigned int levels)
{
	return levels == 1 ? 3 : most(wide, levels) / 8;
}

static int32_t
key_before(uint32_t start)
{
	return (int32_t)((start - 1) ^ 0x80000000u);
}

static uint32_t
start_after(int32_t key)
{
	return ((uint32_t)key ^ 0x80000000u) + 1;
}

static unsigned int
keys_in(const int32_t *key, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && key[n] != INT32_MAX)
		n++;
	return n;
}

static int
alloc_lines(struct fib6 *f, uint32_t count, uint32_t *out)
{
	struct fib6_writer *w = f->writer;
	int error = fib6_vec_more(&w->fresh, 1, sizeof(struct fib6_block));
	uint32_t at;

	if (error != 0)
		return error;
	error = route_arena_alloc(
	    w->arena, (size_t)count * SYNC_CACHELINE, SYNC_CACHELINE, &at);
	if (error != 0)
		return error;
	*out = at / FIB6_LINE_GRANULES;
	if (*out + count > FIB6_LINES_MAX) {
		route_arena_free(w->arena, at, (size_t)count * SYNC_CACHELINE);
		return -ENOMEM;
	}
	((struct fib6_block *)w->fresh.at)[w->fresh.n++] =
	    (struct fib6_block){*out, count};
	w->lines += count;
	w->blocks++;
	return 0;
}

static void
retire_lines(struct fib6 *f, uint32_t line, uint32_t count)
{
	struct fib6_writer *w = f->writer;

	route_arena_retire(w->arena, line * FIB6_LINE_GRANULES,
	    (size_t)count * SYNC_CACHELINE);
	w->lines -= count;
	w->blocks--;
}

/* A value that was taken, as leaves have it. */
static uint16_t
half_of(const struct fib6 *f, uint32_t value)
{
	if ((value & FIB6_STAGE) != 0)
		return (uint16_t)(FIB6_LEAF_STAGE | value);
	return (uint16_t)(value != 0 ? fib6_ids_local(f, value) : 0);
}

static void
fill_leaf(struct fib6 *f, uint32_t line, const struct fib6_range *r, size_t n)
{
	struct fib6_leaf *leaf = (void *)fib6_line(f, line);

	*leaf = (struct fib6_leaf){0};
	for (size_t i = 0; i < n; i++)
		sync_init(&leaf->value[i].v, half_of(f, r[i].value));
	for (size_t i = 0; i < FIB6_LEAF_KEYS; i++)
		leaf->key[i] =
		    i + 1 < n ? key_before(r[i + 1].start) : INT32_MAX;
}

static void
fill_wide(struct fib6 *f, uint32_t line, const struct fib6_range *r, size_t n)
{
	struct fib6_wide *leaf = (void *)fib6_line(f, line);

	*leaf = (struct fib6_wide){0};
	for (size_t i = 0; i < n; i++)
		leaf->value[i] = r[i].value;
	for (size_t i = 0; i < FIB6_WIDE_KEYS; i++)
		leaf->key[i] =
		    i + 1 < n ? key_before(r[i + 1].start) : INT32_MAX;
}

/* Fill a line with n ranges, whose values were taken. */
static int
fill(struct fib6 *f, uint32_t line, bool wide, unsigned int levels,
    const struct fib6_range *r, size_t n)
{
	struct fib6_inner *inner = fib6_line(f, line);
	size_t c, each, done = 0;
	uint32_t base;
	int error;

	SYNC_ASSERT(n > 0 && n <= most(wide, levels));
	if (levels == 1) {
		(wide ? fill_wide : fill_leaf)(f, line, r, n);
		return 0;
	}
	each = goal(wide, levels - 1, f->writer->tight);
	c = (n + each - 1) / each;
	if (c > FANOUT)
		c = FANOUT;
	error = alloc_lines(f, (uint32_t)c, &base);
	sync_init(&inner->base.w, error == 0 ? base : 0);
	for (size_t i = 0; i < FIB6_INNER_KEYS; i++)
		inner->key[i] = INT32_MAX;
	for (size_t i = 0; error == 0 && i < c; i++) {
		const size_t end = n * (i + 1) / c;

		if (i > 0)
			inner->key[i - 1] = key_before(r[done].start);
		error = fill(f, base + (uint32_t)i, wide, levels - 1, r + done,
		    end - done);
		done = end;
	}
	return error;
}

/* Count out values taken after the first n. */
static void
untake(struct fib6 *f, size_t n)
{
	struct fib6_vec *v = &f->writer->taken;

	while (v->n > n)
		(void)fib6_ids_drop(f, ((uint32_t *)v->at)[--v->n]);
}

/* Returns: 0; -ENOMEM; -ENOSPC: they do not fit into narrow leaves. */
static int
take(struct fib6 *f, bool wide, const struct fib6_range *r, size_t n)
{
	struct fib6_vec *v = &f->writer->taken;
	const size_t before = v->n;
	int error = fib6_vec_more(v, n, sizeof(uint32_t));

	for (size_t i = 0; error == 0 && i < n; i++) {
		const uint32_t x = r[i].value;

		if (x == 0 || (wide && (x & FIB6_STAGE) == 0))
			continue;
		if (!wide && (x & FIB6_STAGE) != 0 &&
		    (x & ~FIB6_STAGE) >= FIB6_LEAF_STAGE)
			error = -ENOSPC;
		else
			error = fib6_ids_take(f, x);
		if (error == 0)
			((uint32_t *)v->at)[v->n++] = x;
	}
	if (error != 0)
		untake(f, before);
	return error;
}

int
fib6_build_root(
    struct fib6 *f, const struct fib6_range *r, size_t n, uint32_t *out)
{
	unsigned int levels = 1;
	bool wide = false;
	uint32_t line;
	int error;

	if (n == 1 && (r->value & FIB6_STAGE) == 0) {
		*out = fib6_root(r->value, false, 0);
		return 0;
	}
	error = take(f, wide, r, n);
	if (error == -ENOSPC) {
		wide = true;
		error = take(f, wide, r, n);
	}
	while (levels <= FIB6_LEVELS_MAX && n > most(wide, levels))
		levels++;
	if (error == 0 && levels > FIB6_LEVELS_MAX)
		error = -ENOMEM;
	if (error == 0)
		error = alloc_lines(f, 1, &line);
	if (error == 0)
		error = fill(f, line, wide, levels, r, n);
	if (error == 0)
		*out = fib6_root(line, wide, levels);
	return error;
}

static void
push(struct fib6_vec *v, uint32_t start, uint32_t value)
{
	struct fib6_range *r = v->at;

	if (v->n == 0 || r[v->n - 1].value != value)
		r[v->n++] = (struct fib6_range){start, value};
}

static uint32_t
narrow_value(const struct fib6 *f, const struct fib6_half *half)
{
	/* relaxed: only the writer stores to it. */
	const uint16_t v = sync_load_relaxed(&half->v);

	if ((v & FIB6_LEAF_STAGE) != 0)
		return FIB6_STAGE | (v & ~FIB6_LEAF_STAGE);
	return v != 0 ? f->writer->local.id[v].group : 0;
}

/* Append the ranges of a leaf, whose first is start, to w->old. */
static int
gather_leaf(struct fib6 *f, uint32_t line, bool wide, uint32_t start)
{
	const struct fib6_leaf *narrow = (const void *)fib6_line(f, line);
	const struct fib6_wide *broad = (const void *)narrow;
	const int32_t *key = wide ? broad->key : narrow->key;
	const unsigned int n = keys_in(key, leaf_size(wide) - 1) + 1;
	struct fib6_vec *v = &f->writer->old;
	struct fib6_range *r;
	int error = fib6_vec_more(v, n, sizeof(*r));

	if (error != 0)
		return error;
	r = (struct fib6_range *)v->at + v->n;
	for (unsigned int i = 0; i < n; i++) {
		r[i].start = i > 0 ? start_after(key[i - 1]) : start;
		r[i].value =
		    wide ? broad->value[i] : narrow_value(f, &narrow->value[i]);
	}
	v->n += n;
	return 0;
}

static uint32_t
base_of(const struct fib6_inner *n)
{
	/* relaxed: only the writer stores to it. */
	return sync_load_relaxed(&n->base.w);
}

static int
gather(struct fib6 *f, uint32_t line, bool wide, unsigned int levels,
    uint32_t start)
{
	const struct fib6_inner *n = fib6_line(f, line);
	int error = 0;

	if (levels == 1)
		return gather_leaf(f, line, wide, start);
	for (unsigned int i = 0, c = keys_in(n->key, FIB6_INNER_KEYS) + 1;
	     error == 0 && i < c; i++) {
		if (i > 0)
			start = start_after(n->key[i - 1]);
		error = gather(f, base_of(n) + i, wide, levels - 1, start);
	}
	return error;
}

/* w->mix = w->old with w->ranges in the place of the span. */
static int
mix(struct fib6 *f, const uint32_t span[2], uint32_t last)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_range *old = w->old.at, *new = w->ranges.at;
	uint32_t value = 0;
	size_t i = 0;
	int error;

	w->mix.n = 0;
	error =
	    fib6_vec_more(&w->mix, w->old.n + w->ranges.n + 1, sizeof(*old));
	if (error != 0)
		return error;
	for (; i < w->old.n && old[i].start < span[0]; i++) {
		value = old[i].value;
		push(&w->mix, old[i].start, value);
	}
	for (size_t k = 0; k < w->ranges.n; k++)
		push(&w->mix, new[k].start, new[k].value);
	for (; i < w->old.n && old[i].start <= span[1]; i++)
		value = old[i].value;
	if (span[1] < last && (i == w->old.n || old[i].start > span[1] + 1))
		push(&w->mix, span[1] + 1, value);
	for (; i < w->old.n; i++)
		push(&w->mix, old[i].start, old[i].value);
	return 0;
}

static bool
nothing_new(const struct fib6_writer *w)
{
	const struct fib6_range *a = w->old.at, *b = w->mix.at;

	if (w->old.n != w->mix.n)
		return false;
	for (size_t i = 0; i < w->old.n; i++) {
		if (a[i].start != b[i].start || a[i].value != b[i].value)
			return false;
	}
	return true;
}

/* The child that has all of the span, if one has. */
static bool
step_down(const struct fib6 *f, const struct place *p, const uint32_t span[2],
    struct place *out)
{
	const struct fib6_inner *n = fib6_line(f, p->line);
	const uint32_t i = fib6_rank_inner(n, (int32_t)(span[0] ^ 0x80000000u));
	const bool end = i == FIB6_INNER_KEYS || n->key[i] == INT32_MAX;

	*out = (struct place){
	    .line = base_of(n) + i,
	    .first = i > 0 ? start_after(n->key[i - 1]) : p->first,
	    .last = end ? p->last : start_after(n->key[i]) - 1,
	    .levels = p->levels - 1,
	    .child = i,
	};
	return out->last >= span[1];
}

/* Build w->mix in the place of the child p of a line. */
static int
replace_child(struct fib6 *f, const struct place *up, const struct place *p,
    bool wide, struct fib6_job *out)
{
	struct fib6_writer *w = f->writer;
	struct fib6_inner *n = fib6_line(f, up->line);
	const uint32_t c = keys_in(n->key, FIB6_INNER_KEYS) + 1;
	uint32_t base;
	int error = take(f, wide, w->mix.at, w->mix.n);

	if (error == 0)
		error = alloc_lines(f, c, &base);
	if (error != 0)
		return error;
	for (uint32_t i = 0; i < c; i++) {
		if (i != p->child)
			*fib6_line(f, base + i) = *fib6_line(f, base_of(n) + i);
	}
	*out = (struct fib6_job){
	    .word = &n->base,
	    .first = base,
	    .later = base,
	    .gone = fib6_root(p->line, wide, p->levels),
	    .flat = {base_of(n), c},
	};
	return fill(f, base + p->child, wide, p->levels, w->mix.at, w->mix.n);
}

/* Build w->mix, which is the whole stage. */
static int
replace_root(struct fib6 *f, struct fib6_word *word, uint32_t root,
    struct fib6_job *out, uint32_t *whole)
{
	const struct fib6_range *r = f->writer->mix.at;
	uint32_t to;
	int error;

	if (whole != NULL && f->writer->mix.n == 1 &&
	    (r->value & FIB6_STAGE) == 0) {
		*whole = r->value;
		return FIB6_WHOLE;
	}
	error = fib6_build_root(f, r, f->writer->mix.n, &to);
	if (error != 0)
		return error;
	*out = (struct fib6_job){
	    .word = word, .first = to, .later = to, .gone = root};
	return 0;
}

/* Take the line apart.  Returns: 0; -ENOMEM. */
static int
gather_place(struct fib6 *f, uint32_t root, const struct place *p)
{
	struct fib6_writer *w = f->writer;
	int error;

	w->old.n = 0;
	if (p->levels != 0)
		return gather(
		    f, p->line, (root & FIB6_WIDE) != 0, p->levels, p->first);
	error = fib6_vec_more(&w->old, 1, sizeof(struct fib6_range));
	if (error == 0)
		push(&w->old, 0, FIB6_NUMBER(root));
	return error;
}

/*
 * The number of the range in w->old that gets another value, and the value, if
 * w->ranges change just that one and divide none.
 */
static bool
one_changes(const struct fib6_writer *w, const uint32_t span[2], uint32_t last,
    struct fib6_range *out)
{
	const struct fib6_range *old = w->old.at, *new = w->ranges.at;
	uint32_t end, k = 0, changes = 0;

	for (uint32_t i = 0; i < w->old.n && old[i].start <= span[1]; i++) {
		end = i + 1 < w->old.n ? old[i + 1].start - 1 : last;
		if (end < span[0])
			continue;
		while (k + 1 < w->ranges.n && new[k + 1].start <= old[i].start)
			k++;
		if (k + 1 < w->ranges.n && new[k + 1].start <= end)
			return false;
		if (new[k].value == old[i].value)
			continue;
		if (old[i].start < span[0] || end > span[1] || ++changes > 1)
			return false;
		*out = (struct fib6_range){i, new[k].value};
	}
	return changes == 1;
}

/*
 * Are half of a leaf's ranges like the one before, once r is in?  Then it is
 * time to build it anew, without them.
 */
static bool
is_worn(const struct fib6_writer *w, const struct fib6_range *r)
{
	const struct fib6_range *old = w->old.at;
	uint32_t value, before = 0;
	size_t same = 0;

	for (size_t i = 0; i < w->old.n; i++) {
		value = i == r->start ? r->value : old[i].value;
		same += i > 0 && value == before;
		before = value;
	}
	return 2 * same >= w->old.n;
}

/*
 * Change a value of a leaf where it is, if that is all there is to do: a prefix
 * comes back, or gets another group.  The range of one that goes stays.
 * Returns: 0; -ENOMEM; -ENOSPC: it is something else.
 */
static int
change_value(struct fib6 *f, uint32_t root, const struct place *p,
    const uint32_t span[2], struct fib6_job *out)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_range *old = w->old.at;
	struct fib6_leaf *leaf;
	struct fib6_range r;
	int error;

	if (p->levels != 1 || (root & FIB6_WIDE) != 0 ||
	    !one_changes(w, span, p->last, &r) || is_worn(w, &r) ||
	    ((r.value | old[r.start].value) & FIB6_STAGE) != 0)
		return -ENOSPC;
	error = take(f, false, &r, 1);
	if (error != 0)
		return error;
	leaf = (void *)fib6_line(f, p->line);
	*out = (struct fib6_job){
	    .half = &leaf->value[r.start],
	    .first = half_of(f, r.value),
	    .later = half_of(f, r.value),
	    .gone = old[r.start].value,
	};
	return 0;
}

int
fib6_build_edit(struct fib6 *f, struct fib6_word *word, const uint32_t span[2],
    struct fib6_job *out, uint32_t *whole)
{
	struct fib6_writer *w = f->writer;
	/* relaxed: only the writer stores to it. */
	const uint32_t root = sync_load_relaxed(&word->w);
	const bool wide = (root & FIB6_WIDE) != 0;
	struct place path[FIB6_LEVELS_MAX + 1];
	unsigned int k = 0;
	int error;

	path[0] = (struct place){
	    FIB6_NUMBER(root), 0, UINT32_MAX, FIB6_LEVELS(root), 0};
	while (path[k].levels > 1 && step_down(f, &path[k], span, &path[k + 1]))
		k++;
	for (;; k--) {
		error = gather_place(f, root, &path[k]);
		if (error != 0)
			return error;
		error = change_value(f, root, &path[k], span, out);
		if (error != -ENOSPC)
			return error;
		error = mix(f, span, path[k].last);
		if (error != 0)
			return error;
		if (nothing_new(w))
			return FIB6_SAME;
		if (k == 0)
			return replace_root(f, word, root, out, whole);
		if (w->mix.n > most(wide, path[k].levels) ||
		    w->mix.n < few(wide, path[k].levels))
			continue;
		error = replace_child(f, &path[k - 1], &path[k], wide, out);
		if (error != -ENOSPC)
			return error;
	}
}

uint32_t
fib6_build_value(const struct fib6 *f, uint32_t word, uint32_t number)
{
	const uint32_t span[2] = {number, number};
	struct place p = {
	    FIB6_NUMBER(word), 0, UINT32_MAX, FIB6_LEVELS(word), 0};
	const int32_t k = (int32_t)(number ^ 0x80000000u);

	if (p.levels == 0)
		return p.line;
	while (p.levels > 1) {
		const struct place up = p;

		(void)step_down(f, &up, span, &p);
	}
	if ((word & FIB6_WIDE) != 0) {
		const struct fib6_wide *n = (const void *)fib6_line(f, p.line);

		return n->value[fib6_rank_wide(n, k)];
	}

	const struct fib6_leaf *n = (const void *)fib6_line(f, p.line);

	return narrow_value(f, &n->value[fib6_rank_leaf(n, k)]);
}

static void
drop_value(struct fib6 *f, uint32_t value)
{
	const uint32_t stage = value & ~FIB6_STAGE;

	if (!fib6_ids_drop(f, value))
		return;
	/* relaxed: only the writer stores to it. */
	fib6_build_drop_root(f, sync_load_relaxed(&f->stages[stage].w));
	fib6_ids_release(f, stage);
}

/* Count out what a line leads to, and retire it but for the line. */
static void
drop_below(struct fib6 *f, uint32_t line, bool wide, unsigned int levels)
{
	const struct fib6_inner *n = fib6_line(f, line);
	const struct fib6_leaf *narrow = (const void *)n;
	const struct fib6_wide *broad = (const void *)n;
	unsigned int c;

	if (levels > 1) {
		c = keys_in(n->key, FIB6_INNER_KEYS) + 1;
		for (unsigned int i = 0; i < c; i++)
			drop_below(f, base_of(n) + i, wide, levels - 1);
		retire_lines(f, base_of(n), c);
		return;
	}
	for (unsigned int i = 0; i < leaf_size(wide); i++) {
		const uint32_t v =
		    wide ? broad->value[i] : narrow_value(f, &narrow->value[i]);

		if (wide ? (v & FIB6_STAGE) != 0 : v != 0)
			drop_value(f, v);
	}
}

void
fib6_build_drop_root(struct fib6 *f, uint32_t root)
{
	if (FIB6_LEVELS(root) == 0)
		return;
	drop_below(
	    f, FIB6_NUMBER(root), (root & FIB6_WIDE) != 0, FIB6_LEVELS(root));
	retire_lines(f, FIB6_NUMBER(root), 1);
}

void
fib6_build_drop(struct fib6 *f, const struct fib6_job *job)
{
	if (job->half != NULL) {
		if (job->gone != 0)
			(void)fib6_ids_drop(f, job->gone);
		return;
	}
	if (job->flat.count == 0) {
		fib6_build_drop_root(f, job->gone);
		return;
	}
	drop_below(f, FIB6_NUMBER(job->gone), (job->gone & FIB6_WIDE) != 0,
	    FIB6_LEVELS(job->gone));
	retire_lines(f, job->flat.line, job->flat.count);
}

void
fib6_build_undo(struct fib6 *f)
{
	struct fib6_writer *w = f->writer;
	const struct fib6_block *b = w->fresh.at;
	const uint32_t *stage = w->new_stages.at;

	untake(f, 0);
	for (size_t i = 0; i < w->new_stages.n; i++)
		fib6_ids_release(f, stage[i]);
	for (size_t i = 0; i < w->fresh.n; i++) {
		route_arena_free(w->arena, b[i].line * FIB6_LINE_GRANULES,
		    (size_t)b[i].count * SYNC_CACHELINE);
		w->lines -= b[i].count;
		w->blocks--;
	}
	w->new_stages.n = 0;
	w->fresh.n = 0;
}
