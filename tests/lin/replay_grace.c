/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Grace periods of a history: when each was asked for, and when the writer was
 * told that it is over.  In the place of pserialize's functions.
 */

#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/lin/replay_impl.h"

#define PERIODS 4096u

struct period {
	unsigned int asked, over;
};

static struct {
	enum replay_grace kind;
	struct period period[PERIODS];
	unsigned int n;
	unsigned int asked[PERIODS]; /* by ticket */
	uint64_t tickets, told;      /* handed out; over */
	struct pserialize_head *first, **last;
	unsigned int last_asked; /* for one of those that wait */
} g;

void __wrap_pserialize_perform(void);
uint64_t __wrap_pserialize_poll_start(void);
bool __wrap_pserialize_poll(uint64_t gp);
bool __wrap_pserialize_poll_advance(void);
void __wrap_pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *head));
void __wrap_pserialize_call_sized(struct pserialize_head *head,
    void (*fn)(struct pserialize_head *head), size_t bytes);
void __wrap_pserialize_barrier(void);

static void
period(unsigned int asked, unsigned int over)
{
	if (g.kind == REPLAY_VOID)
		return;
	if (g.n == PERIODS)
		abort();
	g.period[g.n++] = (struct period){asked, over};
}

bool
replay_grace_allows(const struct replay_run *run)
{
	for (unsigned int i = 0; i < g.n; i++)
		if (run->from < g.period[i].asked && run->to > g.period[i].over)
			return false;
	return true;
}

bool
replay_grace_ends(unsigned int now)
{
	for (unsigned int i = 0; i < g.n; i++)
		if (g.period[i].over == now)
			return true;
	return false;
}

static void
run_calls(void)
{
	struct pserialize_head *h = g.first, *next;

	g.first = NULL;
	for (; h != NULL; h = next) {
		next = h->next;
		h->fn(h);
	}
}

/* All that was asked for before now is over. */
static void
all_over(void)
{
	const unsigned int now = replay_now();

	for (; g.told < g.tickets; g.told++)
		period(g.asked[g.told % PERIODS], now);
	if (g.first != NULL)
		period(g.last_asked, now);
	run_calls();
}

void
replay_turn(void)
{
	if (g.kind != REPLAY_LATE)
		all_over();
}

void
replay_grace_begin(enum replay_grace grace)
{
	all_over();
	g.kind = grace;
	g.n = 0;
}

void
__wrap_pserialize_perform(void)
{
	const unsigned int now = replay_now();

	period(now, now);
}

uint64_t
__wrap_pserialize_poll_start(void)
{
	g.asked[g.tickets % PERIODS] = replay_now();
	return ++g.tickets;
}

bool
__wrap_pserialize_poll(uint64_t gp)
{
	return gp <= g.told;
}

bool
__wrap_pserialize_poll_advance(void)
{
	return false;
}

void
__wrap_pserialize_call_sized(struct pserialize_head *head,
    void (*fn)(struct pserialize_head *head), size_t bytes)
{
	(void)bytes;
	if (g.first == NULL)
		g.last = &g.first;
	g.last_asked = replay_now();
	head->fn = fn;
	head->next = NULL;
	*g.last = head;
	g.last = &head->next;
}

void
__wrap_pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *head))
{
	__wrap_pserialize_call_sized(head, fn, 0);
}

void
__wrap_pserialize_barrier(void)
{
	__wrap_pserialize_perform();
	run_calls();
}
