/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Weak memory.  An atomic word is the list of its stores, in the order in
 * which they ran; a load takes any that coherence still allows it.  Views say
 * what that is: a fibre's current one (cur), what an acquire fence would add
 * to it (acq), and what a release fence has made its relaxed stores carry
 * (rel).  A store with release carries cur; a read-modify-write passes on what
 * the store carried that it replaced, and nothing else does: the release
 * sequence of C++20.
 *
 * Sequentially consistent accesses and fences exchange views with one global
 * view, which makes such accesses a little stronger than C11 does.  Stores
 * never take effect before an earlier one of another fibre (README.md, what
 * it cannot see).
 *
 * Words that are only loaded need no list, and get none.
 */

#include "tests/wsim/wsim_impl.h"

#define RELAXED __ATOMIC_RELAXED
#define RELEASE __ATOMIC_RELEASE
#define SEQ_CST __ATOMIC_SEQ_CST

void *__real_memcpy(void *, const void *, size_t);

static bool
acquires(int order)
{
	return order != RELAXED && order != RELEASE;
}

static bool
releases(int order)
{
	return order >= RELEASE;
}

void
wsim_view_join(struct wsim_view *d, const struct wsim_view *s)
{
	const unsigned both = d->n < s->n ? d->n : s->n;

	for (unsigned i = 0; i < both; i++)
		d->ts[i] = d->ts[i] > s->ts[i] ? d->ts[i] : s->ts[i];
	for (unsigned i = both; i < s->n; i++)
		d->ts[i] = s->ts[i];
	if (s->n > d->n)
		d->n = s->n;
	for (int i = 0; i < WSIM_FIBRES; i++)
		d->vc[i] = d->vc[i] > s->vc[i] ? d->vc[i] : s->vc[i];
}

void
wsim_view_copy(struct wsim_view *d, const struct wsim_view *s)
{
	d->n = s->n;
	for (unsigned i = 0; i < s->n; i++)
		d->ts[i] = s->ts[i];
	for (int i = 0; i < WSIM_FIBRES; i++)
		d->vc[i] = s->vc[i];
}

static unsigned
seen(const struct wsim_view *v, unsigned loc)
{
	return loc < v->n ? v->ts[loc] : 0;
}

static void
saw(struct wsim_view *v, unsigned loc, uint16_t ts)
{
	while (v->n <= loc)
		v->ts[v->n++] = 0;
	if (ts > v->ts[loc])
		v->ts[loc] = ts;
}

wsim_word
wsim_peek(uintptr_t a, unsigned size)
{
	wsim_word v = 0;

	__real_memcpy(&v, (const void *)a, size);
	return v;
}

static struct wsim_msg *
newest(struct wsim_loc *l)
{
	return &l->m[(l->n - 1) % WSIM_MSGS];
}

/* Make the list of a word that is about to be stored to. */
static struct wsim_loc *
make(uintptr_t a, unsigned size)
{
	struct wsim_loc *l;

	if (wsim->nlocs == WSIM_LOCS)
		wsim_fail_at(WSIM_MISUSE, a, NULL, -1, NULL,
		    "more than %d atomic words stored to", WSIM_LOCS);
	l = &wsim->loc[wsim->nlocs];
	l->addr = a;
	l->size = size;
	l->n = 1;
	l->dirty = false;
	l->floor = 0;
	l->m[0].val = wsim_peek(a, size);
	l->m[0].ts = 0;
	l->m[0].view.n = 0;
	for (int i = 0; i < WSIM_FIBRES; i++)
		l->m[0].view.vc[i] = 0;
	wsim_shadow_bind(a, size, wsim->nlocs++);
	return l;
}

/*
 * Plain code has stored to the word.  That store happens before this access,
 * or it would be a race; so it does before all later ones, and they do not
 * see what was before it.
 */
static void
refresh(struct wsim_loc *l)
{
	const uint16_t ts = newest(l)->ts;
	struct wsim_msg *m = &l->m[l->n++ % WSIM_MSGS];

	l->dirty = false;
	l->floor = (uint16_t)(ts + 1);
	m->val = wsim_peek(l->addr, l->size);
	m->ts = l->floor;
	m->view.n = 0;
	for (int i = 0; i < WSIM_FIBRES; i++)
		m->view.vc[i] = 0;
}

/* Returns: NULL for a word without list, if none is to be made. */
static struct wsim_loc *
find(uintptr_t a, unsigned size, bool write, void *pc)
{
	const struct wsim_cell *c = wsim_shadow_atomic(a, size, write, pc);
	struct wsim_loc *l;

	if (c == NULL || c->loc == 0)
		return write ? make(a, size) : NULL;
	l = &wsim->loc[c->loc - 1];
	if (l->addr != a || l->size != size) {
		if (!wsim_on_stack(a))
			wsim_fail_at(WSIM_MISUSE, a, pc, -1, NULL,
			    "accesses of %u and %u bytes to one atomic word",
			    size, l->size);
		return make(a, size); /* an old frame's */
	}
	if (l->dirty)
		refresh(l);
	return l;
}

static unsigned
index_of(const struct wsim_loc *l)
{
	return (unsigned)(l - wsim->loc);
}

static void
take(struct wsim_fibre *f, const struct wsim_loc *l, const struct wsim_msg *m,
    int order)
{
	saw(&f->cur, index_of(l), m->ts);
	wsim_view_join(acquires(order) ? &f->cur : &f->acq, &m->view);
}

static void
sc_before(struct wsim_fibre *f, int order)
{
	if (order == SEQ_CST)
		wsim_view_join(&f->cur, &wsim->sc);
}

static void
sc_after(const struct wsim_fibre *f, int order)
{
	if (order == SEQ_CST)
		wsim_view_join(&wsim->sc, &f->cur);
}

/* Append a store; old: what it replaces, if it is a read-modify-write. */
static void
put(struct wsim_fibre *f, struct wsim_loc *l, wsim_word v, int order, bool rmw)
{
	const struct wsim_msg *old = newest(l);
	struct wsim_msg *m = &l->m[l->n % WSIM_MSGS];
	const uint16_t ts = (uint16_t)(old->ts + 1);

	l->n++;
	saw(&f->cur, index_of(l), ts);
	wsim_view_copy(&m->view, releases(order) ? &f->cur : &f->rel);
	if (rmw)
		wsim_view_join(&m->view, &old->view);
	saw(&m->view, index_of(l), ts);
	m->val = v;
	m->ts = ts;
	sc_after(f, order);
	f->cur.vc[wsim->me]++;
	__real_memcpy((void *)l->addr, &v, l->size);
}

/* Some store that f may read; mostly the newest. */
static const struct wsim_msg *
some(const struct wsim_fibre *f, struct wsim_loc *l, unsigned *back)
{
	unsigned lo = l->n > WSIM_MSGS ? l->n - WSIM_MSGS : 0;
	unsigned least = seen(&f->cur, index_of(l)), span;

	if (least < l->floor)
		least = l->floor;
	while (l->m[lo % WSIM_MSGS].ts < least)
		lo++;
	span = l->n - lo;
	*back = 0;
	if (span > 1 && wsim_chance(wsim->stale))
		*back = (unsigned)(wsim_rnd() % span);
	return &l->m[(l->n - 1 - *back) % WSIM_MSGS];
}

wsim_word
wsim_load(uintptr_t a, unsigned size, int order, void *pc)
{
	struct wsim_fibre *f = wsim_me();
	const struct wsim_msg *m;
	struct wsim_loc *l;
	wsim_word v;
	unsigned back = 0;

	wsim_point();
	sc_before(f, order);
	l = find(a, size, false, pc);
	if (l == NULL) {
		v = wsim_peek(a, size);
	} else {
		m = some(f, l, &back);
		take(f, l, m, order);
		v = m->val;
	}
	sc_after(f, order);
	wsim_trace(WSIM_OP_LOAD, order, a, size, v, 0, back, pc);
	return v;
}

void
wsim_store(uintptr_t a, wsim_word v, unsigned size, int order, void *pc)
{
	struct wsim_fibre *f = wsim_me();
	struct wsim_loc *l;

	wsim_point();
	sc_before(f, order);
	l = find(a, size, true, pc);
	put(f, l, v, order, false);
	wsim_trace(WSIM_OP_STORE, order, a, size, v, 0, 0, pc);
}

wsim_word
wsim_combine(int op, wsim_word old, wsim_word v)
{
	switch (op) {
	case WSIM_ADD:
		return old + v;
	case WSIM_SUB:
		return old - v;
	case WSIM_AND:
		return old & v;
	case WSIM_OR:
		return old | v;
	case WSIM_XOR:
		return old ^ v;
	case WSIM_NAND:
		return ~(old & v);
	default:
		return v;
	}
}

static wsim_word
cut(wsim_word v, unsigned size)
{
	return size == sizeof(v) ? v : v & (((wsim_word)1 << size * 8) - 1);
}

static void
sc_fence(struct wsim_fibre *f)
{
	wsim_view_join(&f->cur, &f->acq);
	wsim_view_join(&f->cur, &wsim->sc);
	wsim_view_copy(&wsim->sc, &f->cur);
	wsim_view_copy(&f->rel, &f->cur);
	f->cur.vc[f - wsim->fibre]++;
}

wsim_word
wsim_rmw(uintptr_t a, wsim_word v, unsigned size, int order, int op, void *pc)
{
	struct wsim_fibre *f = wsim_me();
	const struct wsim_msg *m;
	struct wsim_loc *l;
	wsim_word old;

	wsim_point();
	/* A locked operation on the own stack is how x86 spells a fence. */
	if (order == SEQ_CST && wsim_on_stack(a)) {
		old = wsim_peek(a, size);
		v = cut(wsim_combine(op, old, v), size);
		__real_memcpy((void *)a, &v, size);
		sc_fence(f);
		wsim_trace(WSIM_OP_FENCE, order, 0, 0, 0, 0, 0, pc);
		return old;
	}
	sc_before(f, order);
	l = find(a, size, true, pc);
	m = newest(l);
	old = m->val;
	take(f, l, m, order);
	v = cut(wsim_combine(op, old, v), size);
	put(f, l, v, order, true);
	wsim_trace(WSIM_OP_RMW, order, a, size, v, old, 0, pc);
	return old;
}

bool
wsim_cas(uintptr_t a, wsim_word *expect, wsim_word v, unsigned size, int order,
    int fail_order, bool weak, void *pc)
{
	struct wsim_fibre *f = wsim_me();
	const struct wsim_msg *m;
	struct wsim_loc *l;
	unsigned back;

	wsim_point();
	sc_before(f, order);
	l = find(a, size, true, pc);
	m = some(f, l, &back);
	if (m->val == *expect) { /* succeeds on the newest only */
		m = newest(l);
		back = 0;
	}
	if (m->val != *expect || (weak && wsim_chance(32))) {
		*expect = m->val;
		take(f, l, m, fail_order);
		sc_after(f, fail_order);
		wsim_trace(
		    WSIM_OP_CAS_FAIL, fail_order, a, size, m->val, 0, back, pc);
		return false;
	}
	take(f, l, m, order);
	put(f, l, v, order, true);
	wsim_trace(WSIM_OP_RMW, order, a, size, v, *expect, 0, pc);
	return true;
}

void
wsim_fence(int order, void *pc)
{
	struct wsim_fibre *f = wsim_me();

	wsim_point();
	wsim_trace(WSIM_OP_FENCE, order, 0, 0, 0, 0, 0, pc);
	if (order == SEQ_CST) {
		sc_fence(f);
		return;
	}
	if (acquires(order))
		wsim_view_join(&f->cur, &f->acq);
	if (releases(order))
		wsim_view_copy(&f->rel, &f->cur);
	f->cur.vc[wsim->me]++;
}

/*
 * membarrier(2): each running thread executes a full fence at some point
 * between the call and its return.
 */
void
wsim_heavy(void *pc)
{
	const int n = wsim->nfibres, me = wsim->me;
	const int first = (int)(wsim_rnd() % (unsigned)n);

	wsim_point();
	wsim_trace(WSIM_OP_HEAVY, SEQ_CST, 0, 0, 0, 0, 0, pc);
	sc_fence(&wsim->fibre[me]);
	for (int i = 0; i < n; i++) {
		const int k = (first + i) % n;

		if (k == me || wsim->fibre[k].state == WSIM_DONE)
			continue;
		sc_fence(&wsim->fibre[k]);
		wsim_point();
	}
	sc_fence(&wsim->fibre[me]);
}

void
wsim_membarrier(void)
{
	if (!wsim_enter())
		return;
	wsim_heavy(WSIM_PC);
	wsim_leave();
}
