/* SPDX-License-Identifier: BSD-2-Clause */

/* What happened in an execution: recorded while it runs, printed after. */

#include "tests/wsim/runtime/impl.h"
#include "tests/wsim/runtime/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
wsim_trace(enum wsim_op op, int order, uintptr_t a, unsigned size,
    wsim_word val, wsim_word old, unsigned back, void *pc)
{
	struct wsim_event *e;

	if (!wsim->tracing)
		return;
	e = &wsim->events[wsim->nevents++ % WSIM_EVENTS];
	*e = (struct wsim_event){
	    .step = wsim->steps,
	    .fibre = (int8_t)wsim->me,
	    .op = (uint8_t)op,
	    .order = (uint8_t)order,
	    .size = (uint8_t)size,
	    .back = (uint16_t)back,
	    .addr = a,
	    .val = val,
	    .old = old,
	    .pc = pc,
	};
}

void
wsim_note(const char *text, uintptr_t arg, void *pc)
{
	if (!wsim->tracing)
		return;
	wsim_trace(WSIM_OP_OTHER, 0, arg, 0, 0, 0, 0, pc);
	wsim->events[(wsim->nevents - 1) % WSIM_EVENTS].text = text;
}

void
wsim_fail_at(enum wsim_class class, uintptr_t addr, void *pc, int other,
    void *other_pc, const char *fmt, ...)
{
	struct wsim_failure *f = &wsim->failure;
	const struct wsim_fibre *me = wsim_me();
	va_list ap;

	wsim->user = false;
	f->class = class;
	f->addr = addr;
	f->fibre = wsim->me;
	f->other = other;
	f->pc = pc;
	f->other_pc = other_pc;
	f->depth = me->depth < WSIM_CALLS ? me->depth : WSIM_CALLS;
	for (unsigned i = 0; i < f->depth; i++)
		f->calls[i] = me->calls[i];
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	wsim_end();
}

void
wsim_fail(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	wsim->user = false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wsim_fail_at(WSIM_ASSERT, 0, WSIM_PC, -1, NULL, "%s", text);
}

const char *
wsim_class_name(enum wsim_class c)
{
	static const char *const names[] = {
	    [WSIM_PASS] = "pass",
	    [WSIM_ASSERT] = "assertion",
	    [WSIM_RACE] = "data race",
	    [WSIM_UAF] = "use after free",
	    [WSIM_FREE] = "bad free",
	    [WSIM_DEADLOCK] = "deadlock",
	    [WSIM_STEPS] = "too many steps",
	    [WSIM_CRASH] = "crash",
	    [WSIM_MISUSE] = "simulator misused",
	};

	return names[c];
}

static void
print_value(wsim_word v, unsigned size)
{
	char name[96];

	if (size == 8 && (uintptr_t)v > 0xffff) {
		wsim_name_of((uintptr_t)v & ~(uintptr_t)7, name, sizeof(name));
		if (name[0] == '0')
			printf("%#zx", (size_t)v);
		else
			printf("&%s%s", name, ((uintptr_t)v & 7) ? "|tag" : "");
	} else if (size == 16) {
		printf("%#zx:%#zx", (size_t)(v >> 64), (size_t)v);
	} else {
		printf("%zu", (size_t)v);
	}
}

static void
print_event(const struct wsim_event *e)
{
	static const char *const order[] = {
	    "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
	static const char *const op[] = {
	    [WSIM_OP_READ] = "reads",
	    [WSIM_OP_WRITE] = "writes",
	    [WSIM_OP_LOAD] = "load",
	    [WSIM_OP_STORE] = "store",
	    [WSIM_OP_RMW] = "update",
	    [WSIM_OP_CAS_FAIL] = "failed cas",
	    [WSIM_OP_FENCE] = "fence",
	    [WSIM_OP_HEAVY] = "membarrier",
	    [WSIM_OP_OTHER] = "",
	};
	char name[96] = "";

	if (e->addr > 0xffff)
		wsim_name_of(e->addr, name, sizeof(name));
	else if (e->addr > 0)
		snprintf(name, sizeof(name), "T%zu", (size_t)e->addr);
	printf("# %5u %*sT%d ", e->step, e->fibre * 2, "", e->fibre);
	if (e->op == WSIM_OP_OTHER)
		printf("%s %s", e->text, name);
	else if (e->op <= WSIM_OP_WRITE)
		printf("%s %s", op[e->op], name);
	else
		printf("%s %s %s", op[e->op], order[e->order % 6], name);
	if (e->op >= WSIM_OP_LOAD && e->op <= WSIM_OP_CAS_FAIL) {
		printf(e->op == WSIM_OP_RMW ? ": " : " = ");
		if (e->op == WSIM_OP_RMW) {
			print_value(e->old, e->size);
			printf(" to ");
		}
		print_value(e->val, e->size);
	}
	if (e->back > 0)
		printf(e->op == WSIM_OP_STORE ? " (before %u others)"
					      : " (stale by %u)",
		    e->back);
	if (e->pc != NULL)
		printf("  [%s]", wsim_place_of(e->pc));
	printf("\n");
}

/* Print the last events, and the failure. */
void
wsim_trace_print(unsigned last)
{
	const struct wsim_failure *f = &wsim->failure;
	unsigned n = wsim->nevents, first = 0, npc = 0;
	void **pc;

	if (n > WSIM_EVENTS)
		first = n - WSIM_EVENTS;
	if (n - first > last)
		first = n - last;
	pc = malloc((n - first + WSIM_CALLS + 2) * sizeof(*pc));
	for (unsigned i = first; i < n; i++)
		pc[npc++] = wsim->events[i % WSIM_EVENTS].pc;
	for (unsigned i = 0; i < f->depth; i++)
		pc[npc++] = f->calls[i];
	pc[npc++] = f->pc;
	pc[npc++] = f->other_pc;
	wsim_places_load(pc, npc);
	free(pc);
	if (first > 0)
		printf("# ... %u earlier events\n", first);
	for (unsigned i = first; i < n; i++)
		print_event(&wsim->events[i % WSIM_EVENTS]);
	if (f->class != WSIM_PASS)
		wsim_failure_print(f);
}

void
wsim_failure_print(const struct wsim_failure *f)
{
	char name[96];

	printf("# %s: %s\n", wsim_class_name(f->class), f->text);
	if (f->addr != 0) {
		wsim_name_of(f->addr, name, sizeof(name));
		printf("#   of %s\n", name);
	}
	if (f->pc != NULL)
		printf("#   by T%d: %s\n", f->fibre, wsim_place_of(f->pc));
	for (unsigned i = f->depth; i > 0; i--)
		printf(
		    "#     called from %s\n", wsim_place_of(f->calls[i - 1]));
	if (f->other_pc != NULL)
		printf("#   T%d: %s\n", f->other, wsim_place_of(f->other_pc));
}
