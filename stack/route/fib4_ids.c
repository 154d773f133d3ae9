/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Local ids, what they mean, and the views that hold their meaning.
 *
 * An id of a group means that group for as long as it is in use, and stays with
 * it when nothing refers to it any more, so routes that come and go need no new
 * one.  When none is left a sweep looks which the blocks still name, and those
 * of the others are free after a grace period.  Where that does not help, all
 * blocks are made once more with wide leaves, in a view of their own.
 *
 * Invariants
 *   I1  An id that some reader can still find means what it meant when its
 *       block was published, unless it is an alias.
 *   I2  used has every id that is in a block or an alias; ext_used likewise.
 *   I3  A view that was replaced is never changed again: a reader in it sees
 *       the state of the moment at which it was replaced.
 *
 * Ordering pairs
 *   VIEW  widen stores view (release) -> fib4_lookup and fib4_lookup_batch load
 *         it (acquire): the new view's words and blocks are filled before.
 *
 * Reclamation
 *   The blocks of the narrow view are retired to the arena, the view itself is
 *   freed by pserialize_call().
 */

#include "libsync/base/point.h"
#include "stack/route/fib4_impl.h"
#include "stack/route/host.h"

#define DIRECT_BYTES (FIB4_WORDS * sizeof(uint32_t))

int
fib4_view_create(struct route_arena *a, bool wide, struct fib4_view **out)
{
	const uint32_t ids = wide ? FIB4_WIDE_IDS : FIB4_NARROW_IDS;
	struct fib4_view *v;

	v = route_host_alloc(sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->group = route_host_alloc(ids * sizeof(v->group[0]));
	if (v->group == NULL)
		goto fail_group;
	if (!wide) {
		v->ext = route_host_alloc(FIB4_NARROW_IDS * sizeof(v->ext[0]));
		if (v->ext == NULL)
			goto fail_ext;
	}
	if (route_arena_alloc(a, DIRECT_BYTES, 64, &v->at) != 0)
		goto fail_direct;
	v->blocks = route_arena_at(a, 0);
	v->direct = route_arena_at(a, v->at);
	memset(v->direct, 0, DIRECT_BYTES);
	v->ids = ids;
	v->wide = wide;
	*out = v;
	return 0;

fail_direct:
	route_host_free(v->ext);
fail_ext:
	route_host_free(v->group);
fail_group:
	route_host_free(v);
	return -ENOMEM;
}

static void
view_free(struct fib4_view *v)
{
	route_host_free(v->ext);
	route_host_free(v->group);
	route_host_free(v);
}

void
fib4_view_destroy(struct route_arena *a, struct fib4_view *v)
{
	route_arena_free(a, v->at, DIRECT_BYTES);
	view_free(v);
}

static void
view_retired(struct pserialize_head *head)
{
	view_free(
	    (struct fib4_view *)(void *)((char *)head -
					 offsetof(struct fib4_view, retire)));
}

/* A block with one run, of leaf id. */
static int
uniform_make(struct fib4 *f, bool wide, uint32_t id, uint32_t *out)
{
	struct route_arena *a = f->writer->arena;
	const uint16_t narrow = (uint16_t)id;
	const uint64_t heads = 1;
	uint8_t *p;

	if (route_arena_alloc(a, 16, ROUTE_ARENA_GRANULE, out) != 0)
		return -ENOMEM;
	p = route_arena_at(a, *out);
	memcpy(p, &heads, 8);
	if (wide)
		memcpy(p + 8, &id, 4);
	else
		memcpy(p + 8, &narrow, 2);
	return 0;
}

int
fib4_uniform(
    struct fib4 *f, const struct fib4_view *v, uint32_t id, uint32_t *out)
{
	uint32_t *at = &f->writer->uniform[id];

	SYNC_REQUIRE((id & FIB4_EXT) == 0);
	if (id != 0 && *at == 0 && uniform_make(f, v->wide, id, at) != 0)
		return -ENOMEM;
	*out = *at;
	return 0;
}

static void
id_take(struct fib4 *f, uint32_t id, uint32_t group)
{
	fib4_bit_set(f->writer->used, id);
	/* relaxed: no reader has this id before a block that names it. */
	sync_store_relaxed(&fib4_current(f)->group[id], group);
}

int
fib4_id_alloc(struct fib4 *f, uint32_t group, uint32_t *out)
{
	struct fib4_view *v = fib4_current(f);
	struct fib4_writer *w = f->writer;

	while (w->next_id < v->ids && fib4_bit(w->used, w->next_id))
		w->next_id++;
	if (w->next_id == v->ids)
		return -ENOSPC;
	id_take(f, w->next_id, group);
	*out = w->next_id;
	return 0;
}

void
fib4_id_free(struct fib4 *f, uint32_t id)
{
	struct fib4_writer *w = f->writer;

	if (w->uniform[id] != 0)
		route_arena_free(w->arena, w->uniform[id], 16);
	w->uniform[id] = 0;
	fib4_bit_clear(w->used, id);
	if (id > FIB4_PLAIN && id < w->next_id)
		w->next_id = id;
}

int
fib4_id_of(struct fib4 *f, uint32_t group, uint32_t *out)
{
	uint32_t *id = &f->writer->id[group];
	int error;

	SYNC_REQUIRE(group < FIB_GROUPS_MAX);
	if (*id == 0 && fib4_plain(group)) {
		id_take(f, group, group);
		*id = group;
	} else if (*id == 0) {
		error = fib4_id_alloc(f, group, id);
		if (error != 0)
			return error;
	}
	*out = *id;
	return 0;
}

struct marks {
	uint64_t *ids, *exts;
};

static void
mark_ext(const struct fib4_view *v, uint32_t leaf, struct marks *m)
{
	uint32_t leaves[FIB4_EXTS];

	if (!v->wide)
		fib4_bit_set(m->exts, leaf & ~FIB4_EXT);
	fib4_ext_expand(v, leaf, leaves);
	for (unsigned int i = 0; i < FIB4_EXTS; i++)
		fib4_bit_set(m->ids, leaves[i]);
}

/* Mark what the published blocks name. */
static void
mark(struct fib4 *f, struct marks *m)
{
	const struct fib4_view *v = fib4_current(f);
	uint32_t leaf[FIB4_SLOTS], at, last = 0;

	fib4_bit_set(m->ids, 0);
	for (unsigned int i = 0; i < FIB4_ALIASES; i++)
		if (f->writer->before[i].present)
			fib4_bit_set(m->ids, f->writer->before[i].id);
	for (uint32_t word = 0; word < FIB4_WORDS; word++) {
		at = fib4_word_block(v, word);
		if (at == last)
			continue;
		last = at;
		fib4_block_expand(v, at, leaf);
		for (unsigned int i = 0; i < FIB4_SLOTS; i++) {
			if (i > 0 && leaf[i] == leaf[i - 1])
				continue;
			if ((leaf[i] & FIB4_EXT) != 0)
				mark_ext(v, leaf[i], m);
			else
				fib4_bit_set(m->ids, leaf[i]);
		}
	}
}

/*
 * Free the ids that nothing names.
 * Returns: how many are free now, of both kinds the fewer; -ENOMEM.
 */
static int64_t
sweep(struct fib4 *f)
{
	struct fib4_view *v = fib4_current(f);
	struct fib4_writer *w = f->writer;
	struct marks m = {0};
	int64_t left = -ENOMEM, used = 0, exts = 0;

	m.ids = route_host_alloc(FIB4_BITMAP(v->ids) * sizeof(uint64_t));
	m.exts =
	    route_host_alloc(FIB4_BITMAP(FIB4_NARROW_IDS) * sizeof(uint64_t));
	if (m.ids == NULL || m.exts == NULL)
		goto out;
	mark(f, &m);
	pserialize_perform(); /* readers still have blocks of before */
	for (uint32_t id = 0; id < v->ids; id++) {
		/* relaxed: only the writer, our caller, changes it. */
		const uint32_t group = sync_load_relaxed(&v->group[id]);

		used += fib4_bit(m.ids, id);
		if (!fib4_bit(w->used, id) || fib4_bit(m.ids, id))
			continue;
		if (w->id[group] == id)
			w->id[group] = 0;
		fib4_id_free(f, id);
	}
	memcpy(w->ext_used, m.exts, sizeof(w->ext_used));
	for (uint32_t i = 0; i < FIB4_NARROW_IDS; i++)
		exts += fib4_bit(m.exts, i);
	w->next_id = FIB4_PLAIN + 1;
	w->next_ext = 0;
	w->unfenced = false;
	left = v->ids - used;
	if (!v->wide && FIB4_NARROW_IDS - exts < left)
		left = FIB4_NARROW_IDS - exts;
out:
	route_host_free(m.ids);
	route_host_free(m.exts);
	return left;
}

/* Making a wide view of a narrow one. */
struct widen {
	struct fib4 *f;
	struct fib4_view *old, *fresh;
	uint32_t *uniform; /* of fresh, by id */
};

static int
widen_exts(struct widen *x, uint32_t leaf[FIB4_SLOTS])
{
	uint32_t leaves[FIB4_EXTS];

	for (unsigned int i = 0; i < FIB4_SLOTS; i++) {
		uint32_t wide;

		if ((leaf[i] & FIB4_EXT) == 0)
			continue;
		fib4_ext_expand(x->old, leaf[i], leaves);
		if (fib4_ext_make(x->f, x->fresh, leaves, &wide) != 0) {
			while (i-- > 0)
				if ((leaf[i] & FIB4_EXT) != 0)
					fib4_ext_free(x->f, x->fresh, leaf[i],
					    route_arena_free);
			return -ENOMEM;
		}
		leaf[i] = wide;
	}
	return 0;
}

static int
widen_uniform(struct widen *x, uint32_t id, uint32_t *at)
{
	if (id != 0 && x->uniform[id] == 0 &&
	    uniform_make(x->f, true, id, &x->uniform[id]) != 0)
		return -ENOMEM;
	*at = x->uniform[id];
	return 0;
}

static int
widen_word(struct widen *x, uint32_t word)
{
	const uint32_t old = fib4_word_block(x->old, word);
	uint32_t leaf[FIB4_SLOTS], at;
	int error;

	fib4_block_expand(x->old, old, leaf);
	if (fib4_block_uniform(x->old, old)) {
		error = widen_uniform(x, leaf[0], &at);
	} else {
		error = widen_exts(x, leaf);
		if (error != 0)
			return error;
		error = fib4_block_make(x->f, x->fresh, leaf, &at);
		if (error != 0) {
			for (unsigned int i = 0; i < FIB4_SLOTS; i++)
				if ((leaf[i] & FIB4_EXT) != 0)
					fib4_ext_free(x->f, x->fresh, leaf[i],
					    route_arena_free);
		}
	}
	if (error == 0)
		/* relaxed: the view is not published yet. */
		sync_store_relaxed(&x->fresh->direct[word], at);
	return error;
}

/* End the life of what a view, not the current one, names, but its words. */
static void
view_drop(struct fib4 *f, const struct fib4_view *v, const uint32_t *uniform,
    fib4_free_fn *fn)
{
	struct route_arena *a = f->writer->arena;

	for (uint32_t word = 0; word < FIB4_WORDS; word++) {
		const uint32_t at = fib4_word_block(v, word);

		fib4_block_free_exts(f, v, at, 0, 0, fn);
		fib4_block_free(f, v, at, fn);
	}
	for (uint32_t id = 0; id < FIB4_NARROW_IDS; id++)
		if (uniform[id] != 0)
			fn(a, uniform[id], 16);
}

/* Publish the same table with wide leaves. */
static void
widen_publish(struct widen *x)
{
	struct fib4_writer *w = x->f->writer;
	const size_t bytes = FIB4_NARROW_IDS * sizeof(w->uniform[0]);

	for (uint32_t id = 0; id < FIB4_NARROW_IDS; id++)
		/* relaxed: not published yet; only we change the old. */
		sync_store_relaxed(&x->fresh->group[id],
		    /* relaxed: as above. */
		    sync_load_relaxed(&x->old->group[id]));
	/* VIEW release: pairs with the acquire of lookups. */
	sync_store_release(&x->f->view, x->fresh);
	SYNC_POINT("fib4_widen");

	view_drop(x->f, x->old, w->uniform, route_arena_retire);
	route_arena_retire(w->arena, x->old->at, DIRECT_BYTES);
	memcpy(w->uniform, x->uniform, bytes);
	w->retired = true;
	pserialize_call_sized(&x->old->retire, view_retired, bytes * 2);
}

/* The same table with wide leaves; readers see no difference. */
static int
widen(struct fib4 *f)
{
	struct widen x = {.f = f, .old = fib4_current(f)};
	int error;

	x.uniform = route_host_alloc(FIB4_NARROW_IDS * sizeof(x.uniform[0]));
	if (x.uniform == NULL)
		return -ENOMEM;
	error = fib4_view_create(f->writer->arena, true, &x.fresh);
	if (error != 0)
		goto out;
	for (uint32_t word = 0; word < FIB4_WORDS && error == 0; word++)
		error = widen_word(&x, word);
	if (error == 0) {
		widen_publish(&x);
	} else {
		view_drop(f, x.fresh, x.uniform, route_arena_free);
		fib4_view_destroy(f->writer->arena, x.fresh);
	}
out:
	route_host_free(x.uniform);
	return error;
}

int
fib4_ids_reclaim(struct fib4 *f, bool again)
{
	const struct fib4_view *v = fib4_current(f);
	int64_t left;

	if (!again) {
		left = sweep(f);
		if (left < 0)
			return -ENOMEM;
		/* Few are left: the next sweep would be soon. */
		if (v->wide || left > v->ids / 8)
			return 0;
	}
	return v->wide ? -ENOMEM : widen(f);
}
