/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Weak memory.  An atomic word is the list of its stores in modification
 * order; a load takes any that coherence still allows it, and a store may take
 * its place before others that its fibre knows nothing of.  Views say what
 * that is: a fibre's current one (cur), what an acquire fence would add to it
 * (acq), and what a release fence has made its relaxed stores carry (rel).  A
 * store with release carries cur; a read-modify-write passes on what the store
 * carried that it replaced, and nothing else does: the release sequence of
 * C++20.
 *
 * The total order of sequentially consistent operations is that of execution.
 * The view sc holds, for each word, the newest store that such an access of
 * the word has made or read, and all that a fibre knew at such a fence.  An
 * access respects it for its own word, a fence for all.  None of this makes
 * plain accesses happen before others.
 *
 * Words that are only loaded need no list, and get none.
 */

#include "tests/wsim/runtime/impl.h"

#define RELAXED __ATOMIC_RELAXED
#define RELEASE __ATOMIC_RELEASE
#define SEQ_CST __ATOMIC_SEQ_CST

#define STEP (1 << 14) /* between times, for those that come between */

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

	if (!s->any)
		return;
	for (unsigned i = 0; i < both; i++)
		d->ts[i] = d->ts[i] > s->ts[i] ? d->ts[i] : s->ts[i];
	for (unsigned i = both; i < s->n; i++)
		d->ts[i] = s->ts[i];
	if (s->n > d->n)
		d->n = s->n;
	for (int i = 0; i < WSIM_FIBRES; i++)
		d->vc[i] = d->vc[i] > s->vc[i] ? d->vc[i] : s->vc[i];
	d->any = true;
}

/* What a fence orders: stores, not the plain accesses before them. */
static void
join_stores(struct wsim_view *d, const struct wsim_view *s)
{
	while (d->n < s->n)
		d->ts[d->n++] = 0;
	for (unsigned i = 0; i < s->n; i++)
		d->ts[i] = d->ts[i] > s->ts[i] ? d->ts[i] : s->ts[i];
	d->any = true;
}

void
wsim_view_copy(struct wsim_view *d, const struct wsim_view *s)
{
	d->n = s->n;
	d->any = s->any;
	for (unsigned i = 0; i < s->n; i++)
		d->ts[i] = s->ts[i];
	for (int i = 0; i < WSIM_FIBRES; i++)
		d->vc[i] = s->vc[i];
}

static const struct wsim_view nothing;

static int32_t
seen(const struct wsim_view *v, unsigned loc)
{
	return loc < v->n ? v->ts[loc] : 0;
}

static void
saw(struct wsim_view *v, unsigned loc, int32_t ts)
{
	while (v->n <= loc)
		v->ts[v->n++] = 0;
	if (ts > v->ts[loc])
		v->ts[loc] = ts;
	v->any = true;
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

/*
 * What the parts of a word had before it was used as a whole: what one who
 * acquires any of it learns.
 */
static void
join_parts(struct wsim_view *v, uintptr_t a, unsigned size)
{
	for (unsigned i = 0; i < size; i += 8) {
		const int k = wsim_shadow_loc(a + i);

		if (k >= 0)
			wsim_view_join(v, &newest(&wsim->loc[k])->view);
	}
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
	l->m[0].rmw = false;
	l->m[0].by = -1;
	wsim_view_copy(&l->m[0].view, &nothing);
	if (size == 16)
		join_parts(&l->m[0].view, a, size);
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
	const int32_t ts = newest(l)->ts;
	struct wsim_msg *m = &l->m[l->n++ % WSIM_MSGS];

	l->dirty = false;
	l->floor = ts + STEP;
	m->val = wsim_peek(l->addr, l->size);
	m->ts = l->floor;
	m->rmw = false;
	m->by = -1;
	wsim_view_copy(&m->view, &nothing);
}

/*
 * A pair of words that is exchanged as a whole is one word; its halves may be
 * loaded and stored.
 * Returns: NULL for a word without list, if none is to be made.
 */
static struct wsim_loc *
find(uintptr_t a, unsigned size, bool write, void *pc)
{
	const struct wsim_cell *c = wsim_shadow_atomic(a, size, write, pc);
	struct wsim_loc *l;

	if (c == NULL || c->loc == 0)
		return write ? make(a, size) : NULL;
	l = &wsim->loc[c->loc - 1];
	if (a < l->addr || a + size > l->addr + l->size ||
	    (size < l->size && l->size < 16)) {
		if (size != 16 && !wsim_on_stack(a))
			wsim_fail_at(WSIM_MISUSE, a, pc, -1, NULL,
			    "accesses of %u and %u bytes to one atomic word",
			    size, l->size);
		return make(a, size); /* of two halves; or an old frame's */
	}
	if (l->dirty)
		refresh(l);
	return l;
}

static wsim_word
cut(wsim_word v, unsigned size)
{
	return size == sizeof(v) ? v : v & (((wsim_word)1 << size * 8) - 1);
}

/* The part of a word's value that was asked for. */
static wsim_word
part(const struct wsim_loc *l, wsim_word v, uintptr_t a, unsigned size)
{
	return cut(v >> (a - l->addr) * 8, size);
}

/* The word's newest value with a part of it replaced. */
static wsim_word
with_part(struct wsim_loc *l, wsim_word v, uintptr_t a, unsigned size)
{
	const unsigned shift = (unsigned)(a - l->addr) * 8;
	const wsim_word mask = cut(~(wsim_word)0, size) << shift;

	return (newest(l)->val & ~mask) | (v << shift & mask);
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
	if (m->by >= 0 && f->cur.vc[m->by] >= m->view.vc[m->by])
		return; /* it was part of our view before */
	wsim_view_join(acquires(order) ? &f->cur : &f->acq, &m->view);
}

static void
sc_before(struct wsim_fibre *f, const struct wsim_loc *l, int order)
{
	if (order == SEQ_CST)
		saw(&f->cur, index_of(l), seen(&wsim->sc, index_of(l)));
}

static void
sc_after(const struct wsim_loc *l, int32_t ts, int order)
{
	if (order == SEQ_CST)
		saw(&wsim->sc, index_of(l), ts);
}

/* How many of the newest stores f may put its own before. */
static unsigned
unseen(const struct wsim_fibre *f, const struct wsim_loc *l)
{
	const unsigned kept = l->n < WSIM_MSGS ? l->n : WSIM_MSGS - 1;
	int32_t least = seen(&f->cur, index_of(l));
	unsigned n = 0;

	if (least < l->floor)
		least = l->floor;
	while (n + 1 < kept && l->m[(l->n - 1 - n) % WSIM_MSGS].ts > least)
		n++;
	return n;
}

/*
 * Make room in the list for a store of f, mostly at its end.
 * Returns: how many stores come after it.
 */
static unsigned
place(const struct wsim_fibre *f, struct wsim_loc *l)
{
	unsigned back = unseen(f, l);
	int32_t after, ts;

	if (back > 0)
		back = wsim_chance(192) ? 0 : wsim_choose(back + 1);
	if (back > 0 && l->m[(l->n - back) % WSIM_MSGS].rmw)
		back = 0;
	after = l->m[(l->n - 1 - back) % WSIM_MSGS].ts;
	ts = after + STEP;
	if (back > 0) {
		const int32_t before = l->m[(l->n - back) % WSIM_MSGS].ts;

		ts = after + (before - after) / 2;
		if (ts == after) {
			back = 0;
			ts = newest(l)->ts + STEP;
		}
	}
	for (unsigned k = l->n; k > l->n - back; k--)
		l->m[k % WSIM_MSGS] = l->m[(k - 1) % WSIM_MSGS];
	l->n++;
	l->m[(l->n - 1 - back) % WSIM_MSGS].ts = ts;
	return back;
}

enum put {
	STORE,
	PART, /* keeps the rest of the word: goes to the end of the list */
	RMW
};

/* Add a store.  Returns: how many stores come after it. */
static unsigned
put(struct wsim_fibre *f, struct wsim_loc *l, wsim_word v, int order,
    enum put how)
{
	const unsigned back = how == STORE ? place(f, l) : 0;
	struct wsim_msg *m;

	if (how != STORE) {
		l->n++;
		newest(l)->ts = l->m[(l->n - 2) % WSIM_MSGS].ts + STEP;
	}
	m = &l->m[(l->n - 1 - back) % WSIM_MSGS];
	saw(&f->cur, index_of(l), m->ts);
	wsim_view_copy(&m->view, releases(order) ? &f->cur : &f->rel);
	if (how == RMW)
		wsim_view_join(&m->view, &l->m[(l->n - 2) % WSIM_MSGS].view);
	m->by = releases(order) && how != RMW ? (int8_t)wsim->me : -1;
	m->val = v;
	m->rmw = how != STORE;
	sc_after(l, m->ts, order);
	f->cur.vc[wsim->me]++;
	if (back == 0)
		__real_memcpy((void *)l->addr, &v, l->size);
	return back;
}

/* Some store that f may read; mostly the newest. */
static const struct wsim_msg *
some(const struct wsim_fibre *f, struct wsim_loc *l, unsigned *back)
{
	unsigned lo = l->n > WSIM_MSGS ? l->n - WSIM_MSGS : 0;
	int32_t least = seen(&f->cur, index_of(l));
	unsigned span;

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
	l = find(a, size, false, pc);
	if (l == NULL) {
		v = wsim_peek(a, size);
	} else {
		sc_before(f, l, order);
		m = some(f, l, &back);
		take(f, l, m, order);
		v = part(l, m->val, a, size);
		sc_after(l, m->ts, order);
	}
	wsim_trace(WSIM_OP_LOAD, order, a, size, v, 0, back, pc);
	return v;
}

void
wsim_store(uintptr_t a, wsim_word v, unsigned size, int order, void *pc)
{
	struct wsim_fibre *f = wsim_me();
	struct wsim_loc *l;
	unsigned back;

	wsim_point();
	l = find(a, size, true, pc);
	sc_before(f, l, order);
	back = put(f, l, with_part(l, v, a, size), order,
	    size == l->size ? STORE : PART);
	wsim_trace(WSIM_OP_STORE, order, a, size, v, 0, back, pc);
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

static void
sc_fence(struct wsim_fibre *f)
{
	wsim_view_join(&f->cur, &f->acq);
	join_stores(&f->cur, &wsim->sc);
	join_stores(&wsim->sc, &f->cur);
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
	l = find(a, size, true, pc);
	m = newest(l);
	old = part(l, m->val, a, size);
	take(f, l, m, order);
	v = cut(wsim_combine(op, old, v), size);
	(void)put(f, l, with_part(l, v, a, size), order, RMW);
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
	l = find(a, size, true, pc);
	sc_before(f, l, fail_order);
	m = some(f, l, &back);
	if (part(l, m->val, a, size) == *expect) {
		m = newest(l); /* the only one that it succeeds on */
		back = 0;
	}
	if (part(l, m->val, a, size) != *expect || (weak && wsim_chance(32))) {
		*expect = part(l, m->val, a, size);
		take(f, l, m, fail_order);
		sc_after(l, m->ts, fail_order);
		wsim_trace(WSIM_OP_CAS_FAIL, fail_order, a, size, *expect, 0,
		    back, pc);
		return false;
	}
	take(f, l, m, order);
	(void)put(f, l, with_part(l, v, a, size), order, RMW);
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

/* Threads begin and end with full fences of the kernel's. */
void
wsim_fence_of_kernel(struct wsim_fibre *f)
{
	join_stores(&f->cur, &wsim->sc);
	join_stores(&wsim->sc, &f->cur);
}

/*
 * membarrier(2): each running thread executes a full fence at some point
 * between the call and its return.  One that has ended did so by then.
 */
void
wsim_heavy(void *pc)
{
	const int n = wsim->nfibres, me = wsim->me;
	const int first = (int)(wsim_rnd() % (unsigned)n);

	wsim_point();
	wsim_trace(WSIM_OP_HEAVY, SEQ_CST, 0, 0, 0, 0, 0, pc);
	sc_fence(&wsim->fibre[me]);
	wsim->heavies++;
	for (int i = 0; i < n; i++) {
		const int k = (first + i) % n;

		if (k == me)
			continue;
		sc_fence(&wsim->fibre[k]);
		wsim_point();
	}
	wsim->heavies--;
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
