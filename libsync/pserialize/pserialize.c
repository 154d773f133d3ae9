/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sequence words: every thread owns a word, in each domain, that is odd inside
 * a section and different after it.  A grace period interrupts all readers once
 * (a heavy fence), notes which words are odd, and is over when each of those has
 * changed.  Grace periods of a domain are numbered by its seq, which is odd
 * while one runs; the number a writer waits for names a grace period that began
 * after its own fence.  Domains share nothing but the registry.
 *
 * Why it is enough.  Let a writer unlink an object and then fence (BEGIN),
 * and let g be the grace period it waits for.
 *   1. g's heavy fence comes after the writer's fence: the writer either saw
 *      seq even, so it had fenced before g stored the odd value and fenced
 *      heavily, or it saw it odd and waits for the next one.
 *   2. The heavy fence falls before or after the compiler barrier (light
 *      fence) of a reader's entry.  Before: the reader's loads find the object
 *      unlinked.  After: the scan reads this entry or a later store.
 *   3. In the second case the scan, or a later step, reads the exit or
 *      something newer of that thread with acquire.  All stores to the word
 *      are releases, as a relaxed one would break the release sequence of the
 *      exit before it.  So the section happens before the end of g.
 *   4. A thread that registers after the scan has taken the registry mutex
 *      after it, hence finds the object unlinked.  One that unregisters has
 *      no section, and gives the mutex to the next step.
 * Only sections open at the scan are waited for, so busy readers cannot hold
 * a grace period up.
 *
 * Writers at the same time: one leads, the others sleep until it is done, and
 * find their number passed, or one of them leads the next.  The period that a
 * writer waits for is the one after the running one at worst.
 *
 * Signal handlers: one that runs sections between load and store of an
 * interrupted entry leaves a word that is put back to what it had been before.
 * A scan may have noted one of the handler's sections, and the count of that
 * comes again: a step then waits for a section that is open now, which is
 * longer, never shorter.  A word that is even, of a thread that is not online,
 * holds nothing up, whatever its count: that thread may never enter again.
 *
 * Without membarrier an entry fences itself, and until it has its word says
 * slow: a handler that comes in between fences too.  The slow bit is no part of
 * what a grace period compares.
 *
 * Invariants
 *   I1  A word is odd exactly inside a section; only its thread writes it.
 *   I2  seq only grows, but for a forked child; only the leader changes it.
 *   I3  A thread is on the registry from its first section until it ends.
 *
 * Ordering pairs
 *   SECTION  enter and exit store word (release) -> scan and step load it
 *            (acquire): a section is over before what it saw is freed.
 *   LEAD     the leader gives leader up (release) -> the next one takes it
 *            (acquire): what one noted about readers is seen by the other.
 *   GP       the leader stores seq (release) -> passed and start load it
 *            (acquire): all sections that a grace period waited for happen
 *            before what its waiters do.  The odd store is a release as
 *            well, since a waiter may see only it.
 *
 * Reclamation: struct pserialize_thread is thread-local; a thread takes it off
 * the registry, under the mutex that scans hold, before it goes away.
 */

#include "libsync/pserialize/pserialize.h"

#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize_impl.h"

#define SPINS        100
#define SLEEP_MIN_NS 10000u
#define SLEEP_MAX_NS 1000000u

struct pserialize_now pserialize_now[PSERIALIZE_DOMAINS];

enum {
	FREE,
	LED,
	AWAITED /* led, and somebody sleeps until it is free */
};

/* [a] atomic  [l] the leader's */
static struct period {
	struct port_event leader;     /* [a] FREE, ... */
	bool held;                    /* [l] the last pass found a reader */
	SYNC_ATOMIC(uint64_t) wanted; /* [a] highest number polls ask for */
	uint64_t since;     /* [l] when the leader first had to wait; 0: not */
	uint64_t report_at; /* [l] when to name the readers */
} __attribute__((aligned(SYNC_CACHELINE))) periods[PSERIALIZE_DOMAINS];

uint64_t
pserialize_enter_slow(unsigned domain)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	uint64_t v;

	if (!self->registered)
		pserialize_registry_join();
	/* relaxed: only this thread writes its words. */
	v = sync_load_relaxed(&self->words[domain]);
	if ((v & PSERIALIZE_IN) != 0) {
		/* We are a handler, and the section below has no fence yet. */
		sync_fence_full();
		return v;
	}
	/* SECTION release: pairs with the acquire in scan and step. */
	sync_store_release(&self->words[domain], v + PSERIALIZE_IN);
	if ((v & PSERIALIZE_SLOW) != 0) {
		sync_fence_full();
		/* SECTION release: as above; nested ones need no fence now. */
		sync_store_release(&self->words[domain],
		    (v & ~PSERIALIZE_SLOW) + PSERIALIZE_IN);
	}
	return (v & PSERIALIZE_ONLINE) != 0 ? v : v + PSERIALIZE_ONE;
}

/* Name the first grace period that begins after everything done so far. */
static uint64_t
start(unsigned d)
{
	uint64_t s;

	sync_fence_full(); /* pairs with the heavy fence in begin() */
	/* GP acquire: pairs with the releases in begin and step. */
	s = sync_load_acquire(&pserialize_now[d].seq);
	return (s + 3) & ~(uint64_t)1;
}

static bool
passed(unsigned d, uint64_t want)
{
	/* GP acquire: pairs with the releases in begin and step. */
	return (int64_t)(sync_load_acquire(&pserialize_now[d].seq) - want) >= 0;
}

static bool
lead_try(struct period *p)
{
	uint32_t seen = FREE;

	/* LEAD acquire: pairs with the release in lead_end. */
	return sync_cas_acquire(&p->leader.word, &seen, LED);
}

static void
lead_end(struct period *p)
{
	/* LEAD release: pairs with the acquire in lead_try. */
	if (sync_xchg_release(&p->leader.word, FREE) == AWAITED)
		port_event_wake(&p->leader);
}

/* Wait until the number has passed, or there is no leader, or for nothing. */
static void
lead_wait(unsigned d, uint64_t want)
{
	struct period *p = &periods[d];
	uint32_t seen = LED;

	for (int i = 0; i < SPINS; i++) {
		/* relaxed: only whether to try. */
		if (passed(d, want) ||
		    sync_load_relaxed(&p->leader.word) == FREE)
			return;
		port_pause();
	}
	SYNC_POINT("period_wait");
	/* relaxed: whoever takes the lead later orders it. */
	if (sync_cas_relaxed(&p->leader.word, &seen, AWAITED) ||
	    seen == AWAITED)
		port_event_wait(&p->leader, AWAITED, 0);
}

static void
scan_one(struct pserialize_thread *t, void *arg)
{
	const unsigned d = (unsigned)((struct period *)arg - periods);
	/* SECTION acquire: pairs with the releases of enter and exit. */
	const uint64_t v = sync_load_acquire(&t->words[d]);

	if ((v & (PSERIALIZE_IN | PSERIALIZE_ONLINE)) != 0) {
		t->snap[d] = v;
		periods[d].held = true;
	}
}

/* Begin a grace period unless one is running.  Caller is the leader. */
static void
begin(unsigned d)
{
	/* relaxed: the lead orders changes. */
	uint64_t s = sync_load_relaxed(&pserialize_now[d].seq);

	if ((s & 1) != 0)
		return;
	/* GP release: hands on what the lead gave us. */
	sync_store_release(&pserialize_now[d].seq, s + 1);
	sync_fence_heavy();
	SYNC_POINT("period_scan");
	periods[d].held = false;
	periods[d].since = 0;
	pserialize_registry_each(scan_one, &periods[d]);
}

static void
step_one(struct pserialize_thread *t, void *arg)
{
	const unsigned d = (unsigned)((struct period *)arg - periods);
	uint64_t v;

	if (t->snap[d] == 0)
		return;
	/* SECTION acquire: pairs with the releases of enter and exit. */
	v = sync_load_acquire(&t->words[d]);
	if ((v & (PSERIALIZE_IN | PSERIALIZE_ONLINE)) != 0 &&
	    PSERIALIZE_KEY(v ^ t->snap[d]) == 0)
		periods[d].held = true;
	else
		t->snap[d] = 0;
}

/* End the running grace period if no reader holds it.  Caller is the leader. */
static bool
step(unsigned d)
{
	struct period *p = &periods[d];
	/* relaxed: the lead orders changes. */
	uint64_t s = sync_load_relaxed(&pserialize_now[d].seq);

	if (p->held) {
		p->held = false;
		pserialize_registry_each(step_one, p);
	}
	if (p->held)
		return false;
	SYNC_POINT("period_end");
	/* GP release: pairs with the acquire in passed and start. */
	sync_store_release(&pserialize_now[d].seq, s + 1);
	return true;
}

/* A step did not end the period: look at the clock.  Caller is the leader. */
static void
overdue(unsigned d)
{
	struct period *p = &periods[d];
	const uint64_t now = port_clock_ns();

	if (p->since == 0) {
		p->since = now;
		p->report_at = now + pserialize_stall_after_ns();
	} else if (now >= p->report_at) {
		pserialize_stall_report(d, now - p->since);
		p->report_at = now + (now - p->since);
	}
}

static void
lead(unsigned d)
{
	uint32_t ns = SLEEP_MIN_NS;

	begin(d);
	for (int i = 0; i < SPINS; i++) {
		if (step(d))
			return;
		port_pause();
	}
	while (!step(d)) {
		overdue(d);
		port_sleep(ns);
		ns = ns < SLEEP_MAX_NS / 2 ? ns * 2 : SLEEP_MAX_NS;
	}
}

void
pserialize_domain_perform(unsigned domain)
{
	struct period *p = &periods[domain];
	bool online;
	uint64_t want;

	SYNC_REQUIRE(!pserialize_domain_in_section(domain));
	online = !pserialize_in_read_section() && pserialize_pause_online();
	want = start(domain);
	while (!passed(domain, want)) {
		if (!lead_try(p)) {
			lead_wait(domain, want);
			continue;
		}
		while (!passed(domain, want))
			lead(domain);
		lead_end(p);
	}
	if (online)
		pserialize_online();
}

uint64_t
pserialize_domain_poll_start(unsigned domain)
{
	struct period *p = &periods[domain];
	uint64_t want = start(domain);
	/* relaxed: a hint, nothing is reached through it. */
	uint64_t seen = sync_load_relaxed(&p->wanted);

	while ((int64_t)(want - seen) > 0) {
		SYNC_POINT("period_want");
		/* relaxed: as above. */
		if (sync_cas_relaxed(&p->wanted, &seen, want))
			break;
	}
	return want;
}

bool
pserialize_domain_poll(unsigned domain, uint64_t gp)
{
	return passed(domain, gp);
}

bool
pserialize_domain_poll_advance(unsigned domain)
{
	struct period *p = &periods[domain];
	bool ended;

	/* relaxed: a hint; whoever asked will call again. */
	if (passed(domain, sync_load_relaxed(&p->wanted)))
		return false;
	if (!lead_try(p))
		return false; /* the leader does the work */
	begin(domain);
	ended = step(domain);
	if (!ended)
		overdue(domain);
	lead_end(p);
	return ended;
}

void
pserialize_perform(void)
{
	pserialize_domain_perform(0);
}

uint64_t
pserialize_poll_start(void)
{
	return pserialize_domain_poll_start(0);
}

bool
pserialize_poll(uint64_t gp)
{
	return passed(0, gp);
}

bool
pserialize_poll_advance(void)
{
	return pserialize_domain_poll_advance(0);
}

void
pserialize_period_fork_child(void)
{
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++) {
		/* relaxed: this is the child's only thread. */
		uint64_t s = sync_load_relaxed(&pserialize_now[d].seq);

		/* relaxed: as above. */
		sync_store_relaxed(&periods[d].leader.word, FREE);
		/*
		 * A grace period that the parent was in has no leader here.
		 * Taking it back is safe: every number given out is a later
		 * even one.
		 */
		if ((s & 1) != 0)
			/* relaxed: as above. */
			sync_store_relaxed(&pserialize_now[d].seq, s - 1);
	}
}
