/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each operation in a loop of its own, in a function figure_NAME(): what it
 * costs beyond figure_empty(), divided by the rounds.  Everything is warm: each
 * loop has run once before it is counted.
 */

#include "tests/kernel/figures/figures.h"

#include "libsync/demux/demux.h"
#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/mpmc.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/lfqueue/pcq.h"
#include "libsync/lfqueue/segq.h"
#include "libsync/lfqueue/spsc.h"
#include "libsync/lfqueue/stack.h"
#include "libsync/localcount/localcount.h"
#include "libsync/percpu/counters.h"
#include "libsync/percpu/pool.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "libsync/radix_lf/radix_lf.h"

#define ROUNDS 160u /* a segment of segq is not used up */
#define TRIES  4u
#define ITEMS  16u

struct item {
	uint64_t key;
	uint8_t prefix[4];
	struct pslist_entry entry;
	struct lfqueue_atomicq_link link;
	struct lfqueue_mpsc_node mpsc;
	struct lfqueue_stack_node stack;
};

/* What the loops work on. */
static struct figures {
	struct item items[ITEMS];
	struct psref_class *cls;
	struct psref_target target;
	struct pslist_head list;
	struct localcount count;
	struct percpu_counters *counters;
	struct percpu_pool *pool;
	struct radix_lf *tree;
	struct demux *demux;
	struct lfqueue_spsc *spsc;
	struct lfqueue_mpmc *mpmc;
	struct lfqueue_segq *segq;
	struct lfqueue_pcq *pcq;
	struct lfqueue_mpsc mpsc;
	struct lfqueue_stack stack;
	struct lfqueue_atomicq atomicq;
} f;

/* A loop of n times op. */
#define FIGURE(name, op)                                                    \
	static __attribute__((__noinline__)) void figure_##name(unsigned n) \
	{                                                                   \
		for (unsigned i = 0; i < n; i++) {                          \
			op;                                                 \
			sync_fence_compiler();                              \
		}                                                           \
	}

static inline void
section(void)
{
	const uint64_t s = pserialize_read_enter();

	sync_fence_compiler();
	pserialize_read_exit(s);
}

/* The same, told from it by its name only. */
static inline void
nested(void)
{
	section();
}

static inline void
reference(void)
{
	struct psref ref;

	psref_acquire(&ref, &f.target, f.cls);
	sync_fence_compiler();
	psref_release(&ref, &f.target, f.cls);
}

static inline void
list(void)
{
	const struct item *i;

	PSLIST_READER_FOREACH (i, &f.list, entry)
		sync_fence_compiler();
}

static inline void
counted(void)
{
	localcount_acquire(&f.count);
	localcount_release(&f.count);
}

static inline void
pool(void)
{
	void *object = percpu_pool_tryalloc(f.pool);

	percpu_pool_free(f.pool, object);
}

static inline void
spsc(void)
{
	(void)lfqueue_spsc_push(f.spsc, &f);
	(void)lfqueue_spsc_pop(f.spsc);
}

static inline void
mpsc(void)
{
	lfqueue_mpsc_push(&f.mpsc, &f.items[0].mpsc);
	(void)lfqueue_mpsc_pop(&f.mpsc);
}

static inline void
mpmc(void)
{
	(void)lfqueue_mpmc_push(f.mpmc, &f);
	(void)lfqueue_mpmc_pop(f.mpmc);
}

static inline void
segq(void)
{
	(void)lfqueue_segq_push(f.segq, &f);
	(void)lfqueue_segq_pop(f.segq);
}

static inline void
pcq(void)
{
	(void)lfqueue_pcq_put(f.pcq, &f);
	(void)lfqueue_pcq_get(f.pcq);
}

static inline void
atomicq(void)
{
	lfqueue_atomicq_push_fifo(&f.atomicq, &f.items[0]);
	(void)lfqueue_atomicq_pop(&f.atomicq);
}

static inline void
stack(void)
{
	lfqueue_stack_push(&f.stack, &f.items[0].stack);
	(void)lfqueue_stack_pop(&f.stack);
}

FIGURE(empty, (void)0)
FIGURE(section, section())
FIGURE(section_nested, nested())
FIGURE(psref, reference())
FIGURE(localcount, counted())
FIGURE(pslist_16, list())
FIGURE(radix_lf_lookup_16, radix_lf_lookup(f.tree, f.items[5].prefix, 32))
FIGURE(demux_lookup, demux_lookup(f.demux, &f.items[5].key))
FIGURE(percpu_counters_add, percpu_counters_add(f.counters, 0, 0, 1))
FIGURE(percpu_pool, pool())
FIGURE(spsc, spsc())
FIGURE(mpsc, mpsc())
FIGURE(mpmc, mpmc())
FIGURE(segq, segq())
FIGURE(pcq, pcq())
FIGURE(atomicq, atomicq())
FIGURE(stack, stack())

static const struct figure {
	const char *name;
	void (*loop)(unsigned n);
	bool inside; /* a section */
} figures[] = {
    {"section", figure_section, false},
    {"section_nested", figure_section_nested, true},
    {"psref", figure_psref, true},
    {"localcount", figure_localcount, true},
    {"pslist_16", figure_pslist_16, true},
    {"radix_lf_lookup_16", figure_radix_lf_lookup_16, true},
    {"demux_lookup", figure_demux_lookup, true},
    {"percpu_counters_add", figure_percpu_counters_add, false},
    {"percpu_pool", figure_percpu_pool, false},
    {"spsc", figure_spsc, false},
    {"mpsc", figure_mpsc, false},
    {"mpmc", figure_mpmc, false},
    {"segq", figure_segq, false},
    {"pcq", figure_pcq, false},
    {"atomicq", figure_atomicq, false},
    {"stack", figure_stack, false},
};

static unsigned
item_bits(const void *item)
{
	(void)item;
	return 32;
}

static int
fill(void)
{
	int error = 0;

	pslist_head_init(&f.list);
	for (unsigned i = 0; i < ITEMS && error == 0; i++) {
		struct item *it = &f.items[i];

		it->key = i;
		it->prefix[0] = 10;
		it->prefix[3] = (uint8_t)i;
		pslist_entry_init(&it->entry);
		pslist_writer_insert_head(&f.list, &it->entry);
		error = radix_lf_insert(f.tree, it);
		if (error == 0)
			error = demux_insert(f.demux, it);
	}
	lfqueue_mpsc_init(&f.mpsc);
	lfqueue_stack_init(&f.stack);
	lfqueue_atomicq_init(&f.atomicq, offsetof(struct item, link));
	return error;
}

static int
create(void)
{
	const struct radix_lf_config tree = {
	    .key_offset = offsetof(struct item, prefix),
	    .max_bits = 32,
	    .item_bits = item_bits,
	};
	const struct demux_config demux = {
	    .key_offset = offsetof(struct item, key),
	    .key_size = sizeof(uint64_t),
	};
	const struct percpu_pool_config pool_of = {.size = 64};

	if (psref_class_create("figures", &f.cls) != 0 ||
	    localcount_init(&f.count) != 0 ||
	    percpu_counters_create(1, 1, &f.counters) != 0 ||
	    percpu_pool_create(&pool_of, &f.pool) != 0 ||
	    percpu_pool_reserve(f.pool, 64) != 0 ||
	    percpu_pool_attach(f.pool) != 0 ||
	    radix_lf_create(&tree, &f.tree) != 0 ||
	    demux_create(&demux, &f.demux) != 0 ||
	    lfqueue_spsc_create(64, &f.spsc) != 0 ||
	    lfqueue_mpmc_create(64, 0, &f.mpmc) != 0 ||
	    lfqueue_segq_create(&f.segq) != 0 ||
	    lfqueue_pcq_create(64, &f.pcq) != 0)
		return -ENOMEM;
	psref_target_init(&f.target, f.cls);
	return fill();
}

static void
destroy(void)
{
	void *item;

	for (unsigned i = 0; i < ITEMS; i++) {
		(void)radix_lf_remove(f.tree, f.items[i].prefix, 32, &item);
		(void)demux_remove(f.demux, &f.items[i]);
		pslist_writer_remove(&f.items[i].entry);
	}
	pserialize_perform();
	localcount_drain(&f.count);
	localcount_fini(&f.count);
	psref_target_destroy(&f.target, f.cls);
	psref_class_destroy(f.cls);
	percpu_counters_destroy(f.counters);
	percpu_pool_destroy(f.pool);
	radix_lf_destroy(f.tree);
	demux_destroy(f.demux);
	lfqueue_spsc_destroy(f.spsc);
	lfqueue_mpmc_destroy(f.mpmc);
	lfqueue_segq_destroy(f.segq);
	lfqueue_pcq_destroy(f.pcq);
	pserialize_barrier();
}

/* The instructions of ROUNDS rounds.  valgrind knows it by its name. */
static __attribute__((__noinline__)) uint64_t
figures_count(const struct figure *fig)
{
	const uint64_t before = ktest_instructions();

	fig->loop(ROUNDS);
	return ktest_instructions() - before;
}

/* The least of a few tries: another CPU may do something meanwhile. */
static uint64_t
measure(const struct figure *fig)
{
	const uint64_t s = fig->inside ? pserialize_read_enter() : 0;
	struct port_pin pin;
	uint64_t least;

	port_pin(&pin);
	fig->loop(ROUNDS);
	least = figures_count(fig);
	for (unsigned i = 1; i < TRIES; i++) {
		const uint64_t cost = figures_count(fig);

		if (cost < least)
			least = cost;
	}
	port_unpin(&pin);
	if (fig->inside)
		pserialize_read_exit(s);
	return least;
}

int
ktest_figures(void)
{
	const struct figure empty = {"empty", figure_empty, false};
	uint64_t loop;
	int error = create();

	if (error != 0)
		return error;
	loop = measure(&empty);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const uint64_t cost = measure(&figures[i]);

		if (cost != 0)
			port_log("figure: %s %u\n", figures[i].name,
			    (unsigned)((cost - loop + ROUNDS / 2) / ROUNDS));
	}
	destroy();
	return 0;
}
