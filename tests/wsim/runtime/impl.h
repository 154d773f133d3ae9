/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_RUNTIME_IMPL_H
#define TESTS_WSIM_RUNTIME_IMPL_H

/*
 * The parts of the simulator: switch.c (contexts and thread-locals), sched.c
 * (fibres and schedules), memory.c (the weak memory), shadow.c (who accessed
 * which word; heap), abi.c (what the compiler calls), wrap.c (what stands for
 * libc), crash.c (signals of wild pointers), trace.c (names and traces), main.c
 * (executions and verdicts).
 *
 * All state is in *wsim, which lies outside .data and .bss: those belong to
 * the code under test and are put back before each execution.
 */

#include "tests/wsim/wsim.h"

#define WSIM_FIBRES  8
#define WSIM_LOCS    256 /* atomic words written in one execution */
#define WSIM_MSGS    24  /* remembered stores of one word */
#define WSIM_BLOCKS  512 /* allocations of one execution */
#define WSIM_SPLITS  4096
#define WSIM_STACK   ((size_t)256 << 10)
#define WSIM_TLS     ((size_t)192 << 10)
#define WSIM_HEAP    ((size_t)1 << 20)
#define WSIM_CALLS   64
#define WSIM_CHANGES 8
#define WSIM_HOOKS   8

__extension__ typedef unsigned __int128 wsim_word;

/*
 * What a fibre knows: for each location the oldest store that it may still
 * read (ts), for each fibre how far that one's past is in its own (vc).
 */
struct wsim_view {
	unsigned n; /* ts known; those after it are 0 */
	bool any;   /* false: n and vc are all 0, too */
	int32_t vc[WSIM_FIBRES];
	int32_t ts[WSIM_LOCS];
};

/* One store to a location, with what a reader that acquires learns. */
struct wsim_msg {
	wsim_word val;
	int32_t ts; /* grows along the list, with gaps */
	bool rmw;   /* nothing may come between it and the one before */
	int8_t by;  /* fibre whose whole view this is, -1: it is less or more */
	struct wsim_view view;
};

/* An atomic word that has been stored to; m[(n - 1) % WSIM_MSGS] is newest. */
struct wsim_loc {
	uintptr_t addr;
	unsigned size;
	uint32_t n;
	bool dirty;    /* a plain store came after the newest */
	int32_t floor; /* no older one can be read any more */
	struct wsim_msg m[WSIM_MSGS];
};

/* Who accessed a word, or a byte of a word that was accessed by parts. */
struct wsim_cell {
	uint32_t gen;   /* the execution that this is about */
	uint16_t split; /* 0, or where the cells of its bytes are */
	uint16_t loc;   /* 0, or its location + 1 */
	bool bad;       /* freed, or heap outside blocks */
	uint8_t seen;   /* bit per fibre that was here; for others clk is 0 */
	int8_t writer;  /* of the last plain store, -1: none */
	int32_t wclk;
	void *wpc, *rpc, *apc;
	struct {
		int32_t read;  /* last plain load */
		int32_t any;   /* last atomic access */
		int32_t store; /* last atomic store */
	} clk[WSIM_FIBRES];
};

/*
 * Words of a block that have no cell yet were stored to by its owner at clk:
 * when it allocated the block, or when it filled all of it after that.
 */
struct wsim_block {
	char *p;
	size_t size;
	bool freed, touched; /* some word has a cell */
	int owner, freer;
	int32_t clk;
	void *pc, *free_pc;
};

enum wsim_state {
	WSIM_UNUSED,
	WSIM_READY,
	WSIM_JOINING,  /* until fibre `target` is done */
	WSIM_WAITING,  /* until somebody wakes `addr` */
	WSIM_SLEEPING, /* as above, or until it is let run */
	WSIM_DONE
};

struct wsim_fibre {
	void *sp;
	char *stack, *tls;
	size_t tls_size;
	uintptr_t tp;
	void *(*fn)(void *);
	void *arg, *ret;
	enum wsim_state state;
	bool daemon, joined;
	int target;
	const void *addr;
	int prio;
	unsigned run; /* steps without a switch */
	unsigned cpu, pins, masks;
	void (*irq)(void *);
	void *irq_arg;
	unsigned irq_in; /* points until then */
	bool in_irq;
	struct wsim_view cur, acq, rel;
	const void *hook_arg[WSIM_HOOKS]; /* thread-specific values */
	void *calls[WSIM_CALLS];
	unsigned depth;
};

enum wsim_op {
	WSIM_OP_READ,
	WSIM_OP_WRITE,
	WSIM_OP_LOAD,
	WSIM_OP_STORE,
	WSIM_OP_RMW,
	WSIM_OP_CAS_FAIL,
	WSIM_OP_FENCE,
	WSIM_OP_HEAVY,
	WSIM_OP_OTHER
};

/* One line of a trace. */
struct wsim_event {
	unsigned step;
	int8_t fibre;
	uint8_t op, order, size;
	uint16_t back; /* stores that a load left aside */
	uintptr_t addr;
	wsim_word val, old;
	void *pc;
	const char *text;
};

struct wsim_failure {
	enum wsim_class class;
	char text[320];
	uintptr_t addr;
	int fibre, other;
	void *pc, *other_pc;
	void *calls[WSIM_CALLS];
	unsigned depth;
};

struct wsim {
	bool user;    /* code under test runs, not ours */
	bool running; /* an execution */
	bool tracing;
	int me, nfibres;
	uint32_t gen;
	uint64_t rng;
	unsigned steps, max_steps, estimate;
	unsigned ready, asleep; /* fibres as bits */
	/* the schedule */
	bool pct;
	int nchanges, low;
	uint32_t change[WSIM_CHANGES];
	unsigned stay, stale; /* of 256 */
	unsigned ncpus, alloc_fails;
	/* memory */
	int nlocs, nblocks, nsplits;
	size_t brk;
	struct wsim_view sc;
	unsigned heavies; /* fibres that are in a membarrier */
	char *arena, *heap;
	size_t arena_size;
	char *data, *snap;
	size_t data_size;
	struct wsim_cell *arena_cells, *data_cells;
	struct wsim_failure failure;
	void *main_sp;
	uintptr_t main_tp;
	struct wsim_event *events;
	unsigned nevents;
	const struct wsim_test *test;
	struct wsim_fibre fibre[WSIM_FIBRES];
	struct wsim_block block[WSIM_BLOCKS];
	struct wsim_cell bytes[(WSIM_SPLITS + 1) * 4];
	struct wsim_loc loc[WSIM_LOCS];
	char crash_stack[1 << 16];
};

extern struct wsim *wsim;

#define WSIM_PC     __builtin_return_address(0)
#define WSIM_EVENTS 65536u

static inline struct wsim_fibre *
wsim_me(void)
{
	return &wsim->fibre[wsim->me];
}

/*
 * Enter the simulator from code under test.
 * Returns: false if no execution runs: constructors, main, our own code.
 */
static inline bool
wsim_enter(void)
{
	if (wsim == NULL || !wsim->user)
		return false;
	wsim->user = false;
	return true;
}

static inline void
wsim_leave(void)
{
	wsim->user = true;
}

static inline uint64_t
wsim_rnd(void)
{
	uint64_t x = wsim->rng;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return wsim->rng = x;
}

static inline bool
wsim_chance(unsigned of256)
{
	return (wsim_rnd() >> 20 & 255) < of256;
}

/* switch.c */
void wsim_switch_init(void);
void wsim_switch(void **save, void *to);
void *wsim_switch_prepare(char *stack, size_t size, void (*fn)(void));
uintptr_t wsim_get_tp(void);
void wsim_set_tp(uintptr_t tp);
void wsim_tls_reset(struct wsim_fibre *f);
void wsim_catch_crashes(void);

/* sched.c */
void wsim_sched_run(const struct wsim_test *t, uint64_t seed);
void wsim_point(void);
void wsim_relax(void);
int wsim_fibre_start(void *(*fn)(void *), void *arg, bool daemon);
void wsim_block_on(const void *addr, bool timed);
void wsim_wake(const void *addr, int n);
__attribute__((noreturn)) void wsim_end(void);

/* memory.c */
void wsim_view_join(struct wsim_view *d, const struct wsim_view *s);
void wsim_view_copy(struct wsim_view *d, const struct wsim_view *s);
wsim_word wsim_load(uintptr_t a, unsigned size, int order, void *pc);
void wsim_store(uintptr_t a, wsim_word v, unsigned size, int order, void *pc);
wsim_word wsim_rmw(
    uintptr_t a, wsim_word v, unsigned size, int order, int op, void *pc);
bool wsim_cas(uintptr_t a, wsim_word *expect, wsim_word v, unsigned size,
    int order, int fail_order, bool weak, void *pc);
void wsim_fence(int order, void *pc);
void wsim_heavy(void *pc);
void wsim_fence_of_kernel(struct wsim_fibre *f);
wsim_word wsim_peek(uintptr_t a, unsigned size);
wsim_word wsim_combine(int op, wsim_word old, wsim_word v);

enum {
	WSIM_XCHG,
	WSIM_ADD,
	WSIM_SUB,
	WSIM_AND,
	WSIM_OR,
	WSIM_XOR,
	WSIM_NAND
};

/* shadow.c */
void wsim_plain(uintptr_t a, size_t size, bool write, void *pc);
struct wsim_cell *wsim_shadow_atomic(
    uintptr_t a, unsigned size, bool write, void *pc);
void wsim_shadow_bind(uintptr_t a, unsigned size, int loc);
int wsim_shadow_loc(uintptr_t a);
void *wsim_alloc(size_t size, size_t align, void *pc);
void wsim_free(void *p, void *pc);
size_t wsim_block_size(const void *p);
bool wsim_on_stack(uintptr_t a);

/* trace.c */
void wsim_trace(enum wsim_op op, int order, uintptr_t a, unsigned size,
    wsim_word val, wsim_word old, unsigned back, void *pc);
void wsim_note(const char *text, uintptr_t arg, void *pc);
void wsim_trace_print(unsigned last);
void wsim_failure_print(const struct wsim_failure *f);
const char *wsim_class_name(enum wsim_class c);

/* Fail.  addr, pc: what was accessed and where; other: earlier, by whom. */
__attribute__((noreturn, format(printf, 6, 7))) void wsim_fail_at(
    enum wsim_class class, uintptr_t addr, void *pc, int other, void *other_pc,
    const char *fmt, ...);

#endif /* TESTS_WSIM_RUNTIME_IMPL_H */
