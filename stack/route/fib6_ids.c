/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Numbers that leaves hold instead of what is too wide for them: local ids for
 * groups, and numbers of stages.  References are entries of leaves.
 *
 * A local id without references stays bound to its group, as the group may come
 * back, until its place is wanted for another.  By then a grace period must
 * have passed since the commit that dropped the last reference, so no reader
 * sees an id change its group.  The same for stages.
 *
 * Invariants
 *   I1  An id made is on a list exactly while it has no references; a stage
 *       that was numbered but not yet taken is on none.
 *   I2  A list is in the order of stamps.
 */

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib6_impl.h"
#include "stack/route/host.h"

#define ROOM_MIN 64u

int
fib6_vec_more(struct fib6_vec *v, size_t n, size_t size)
{
	size_t room = v->room != 0 ? v->room : ROOM_MIN;
	void *at;

	if (v->room - v->n >= n)
		return 0;
	while (room - v->n < n)
		room *= 2;
	at = route_host_resize(v->at, v->room * size, room * size);
	if (at == NULL)
		return -ENOMEM;
	v->at = at;
	v->room = room;
	return 0;
}

static void
unlist(struct fib6_ids *ids, uint32_t id)
{
	const unsigned int list = id >= ids->split;
	const struct fib6_id *x = &ids->id[id];

	if (x->prev != 0)
		ids->id[x->prev].next = x->next;
	else
		ids->first[list] = x->next;
	if (x->next != 0)
		ids->id[x->next].prev = x->prev;
	else
		ids->last[list] = x->prev;
}

static void
enlist(struct fib6_ids *ids, uint32_t id, uint32_t stamp)
{
	const unsigned int list = id >= ids->split;
	struct fib6_id *x = &ids->id[id];

	x->stamp = stamp;
	x->next = 0;
	x->prev = ids->last[list];
	if (x->prev != 0)
		ids->id[x->prev].next = id;
	else
		ids->first[list] = id;
	ids->last[list] = id;
}

/* Learn whether readers from before an earlier commit are gone. */
static void
poll_readers(struct fib6_writer *w)
{
	if (!w->asking) {
		w->gp = pserialize_poll_start();
		w->asked = w->commits;
		w->asking = true;
	}
	(void)pserialize_poll_advance();
	if (pserialize_poll(w->gp)) {
		w->safe = w->asked;
		w->asking = false;
	}
}

/* The oldest id of a list if it may be used again, or 0. */
static uint32_t
used_again(struct fib6_writer *w, struct fib6_ids *ids, unsigned int list)
{
	const uint32_t id = ids->first[list];

	if (id == 0)
		return 0;
	if ((int32_t)(w->safe - ids->id[id].stamp) < 0)
		poll_readers(w);
	if ((int32_t)(w->safe - ids->id[id].stamp) < 0)
		return 0;
	unlist(ids, id);
	return id;
}

/* Returns: an id never used before; 0: -ENOMEM; or there are no more. */
static int
make(struct fib6_ids *ids, uint32_t *out)
{
	uint32_t room = ids->room != 0 ? ids->room : ROOM_MIN;
	struct fib6_id *id;

	if (ids->made + 1 >= ids->limit)
		return -ENOSPC;
	if (ids->made + 1 >= room || ids->room == 0) {
		if (ids->room != 0)
			room *= 2;
		id = route_host_resize(
		    ids->id, ids->room * sizeof(*id), room * sizeof(*id));
		if (id == NULL)
			return -ENOMEM;
		ids->id = id;
		ids->room = room;
	}
	*out = ++ids->made;
	ids->id[*out] = (struct fib6_id){0};
	return 0;
}

static int
id_alloc(struct fib6_writer *w, struct fib6_ids *ids, uint32_t *out)
{
	int error;

	*out = used_again(w, ids, 0);
	if (*out != 0)
		return 0;
	error = make(ids, out);
	if (error != -ENOSPC)
		return error;
	*out = used_again(w, ids, 1);
	return *out != 0 ? 0 : -ENOSPC;
}

/* Where a group's local id is kept; no route has group 0. */
static uint32_t
place_of(uint32_t group)
{
	return group == FIB6_NOTHING ? 0 : group;
}

static int
local_room(struct fib6_writer *w, uint32_t place)
{
	size_t room = w->groups != 0 ? w->groups : ROOM_MIN;
	uint16_t *to;

	while (room <= place)
		room *= 2;
	if (room == w->groups)
		return 0;
	to = route_host_resize(
	    w->group_local, w->groups * sizeof(*to), room * sizeof(*to));
	if (to == NULL)
		return -ENOMEM;
	memset(to + w->groups, 0, (room - w->groups) * sizeof(*to));
	w->group_local = to;
	w->groups = room;
	return 0;
}

static int
bind_local(struct fib6 *f, uint32_t group, uint32_t *out)
{
	struct fib6_writer *w = f->writer;
	int error = id_alloc(w, &w->local, out);
	struct fib6_id *x;

	if (error != 0)
		return error;
	x = &w->local.id[*out];
	if (x->bound)
		w->group_local[place_of(x->group)] = 0;
	x->bound = true;
	x->group = group;
	w->group_local[place_of(group)] = (uint16_t)*out;
	/* relaxed: LINE and VALUE publish what holds it. */
	sync_store_relaxed(
	    &f->groups[*out].w, group == FIB6_NOTHING ? FIB_NONE : group);
	return 0;
}

static int
take_local(struct fib6 *f, uint32_t group)
{
	struct fib6_writer *w = f->writer;
	const uint32_t place = place_of(group);
	int error = local_room(w, place);
	uint32_t id;

	if (error != 0)
		return error;
	id = w->group_local[place];
	if (id == 0) {
		error = bind_local(f, group, &id);
		if (error != 0)
			return error;
	} else if (w->local.id[id].refs == 0) {
		unlist(&w->local, id);
	}
	w->local.id[id].refs++;
	return 0;
}

int
fib6_ids_take(struct fib6 *f, uint32_t value)
{
	SYNC_REQUIRE(value != 0);
	if ((value & FIB6_STAGE) == 0)
		return take_local(f, value);
	f->writer->stage.id[value & ~FIB6_STAGE].refs++;
	return 0;
}

bool
fib6_ids_drop(struct fib6 *f, uint32_t value)
{
	struct fib6_writer *w = f->writer;
	uint32_t id;

	if ((value & FIB6_STAGE) != 0)
		return --w->stage.id[value & ~FIB6_STAGE].refs == 0;
	id = w->group_local[place_of(value)];
	SYNC_REQUIRE(id != 0 && w->local.id[id].refs > 0);
	if (--w->local.id[id].refs == 0)
		enlist(&w->local, id, w->commits);
	return false;
}

uint32_t
fib6_ids_local(const struct fib6 *f, uint32_t group)
{
	return f->writer->group_local[place_of(group)];
}

int
fib6_ids_stage(struct fib6 *f, uint32_t root, uint32_t *out)
{
	struct fib6_writer *w = f->writer;
	int error = fib6_vec_more(&w->new_stages, 1, sizeof(uint32_t));

	if (error == 0)
		error = id_alloc(w, &w->stage, out);
	if (error != 0)
		return -ENOMEM;
	w->stage.id[*out].refs = 0;
	((uint32_t *)w->new_stages.at)[w->new_stages.n++] = *out;
	/* relaxed: LINE publishes the leaf that holds the number. */
	sync_store_relaxed(&f->stages[*out].w, root);
	return 0;
}

void
fib6_ids_release(struct fib6 *f, uint32_t stage)
{
	SYNC_REQUIRE(f->writer->stage.id[stage].refs == 0);
	enlist(&f->writer->stage, stage, f->writer->commits);
}
