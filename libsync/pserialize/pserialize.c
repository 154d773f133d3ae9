/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sequence words: every thread owns a word that is odd inside a section and
 * different after it.  A grace period interrupts all readers once (a heavy
 * fence), notes which words are odd, and is over when each of those has
 * changed.  Grace periods are numbered by gp.seq, which is odd while one
 * runs; the number a writer waits for names a grace period that began after
 * its own fence.
 *
 * Why it is enough.  Let a writer unlink an object and then fence (BEGIN),
 * and let g be the grace period it waits for.
 *   1. g's heavy fence comes after the writer's fence: the writer either saw
 *      gp.seq even, so it had fenced before g stored the odd value and fenced
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
 * Signal handlers: one that runs sections between load and store of an
 * interrupted entry leaves a word that is put back to a value which it had
 * itself published as active.  A step can then wait longer, never shorter.
 *
 * Invariants
 *   I1  word is odd exactly inside a section; only its thread writes it.
 *   I2  gp.seq only grows, but for a forked child; it is changed only with
 *       gp.leader held.
 *   I3  A thread is on the registry from its first section until it ends.
 *
 * Ordering pairs
 *   SECTION  enter and exit store word (release) -> scan and step load it
 *            (acquire): a section is over before what it saw is freed.
 *   GP       the leader stores gp.seq (release) -> passed and start load it
 *            (acquire): all sections that a grace period waited for happen
 *            before what its waiters do.  The odd store is a release as
 *            well, since a waiter may see only it.
 *
 * Reclamation: struct pserialize_thread is thread-local; a thread takes it off
 * the registry, under the mutex that scans hold, before it goes away.
 */

#include "libsync/pserialize/pserialize.h"

#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize_impl.h"

#define SPINS        100
#define SLEEP_MIN_NS 10000u
#define SLEEP_MAX_NS 1000000u

PORT_THREAD_LOCAL struct pserialize_thread pserialize_self = {
    .word = {PSERIALIZE_SLOW},
};

/* [a] atomic  [l] changed by the holder of leader */
static struct {
	struct port_mutex leader;
	SYNC_ATOMIC(uint64_t) seq; /* [a][l] odd: one is running */
	SYNC_ATOMIC(uint64_t)
	wanted;    /* [a] highest number asked for by polls */
	bool held; /* [l] the last pass found a reader to wait for */
} gp = {.leader = PORT_MUTEX_INIT};

uint64_t
pserialize_read_enter_slow(void)
{
	struct pserialize_thread *self = &pserialize_self;
	uint64_t v;

	if (!self->registered)
		pserialize_registry_join();
	/* relaxed: only this thread writes its word. */
	v = sync_load_relaxed(&self->word);
	if ((v & PSERIALIZE_ACTIVE) != 0) {
		/* A handler may be between the two lines below. */
		sync_fence_full();
		return v;
	}
	/* SECTION release: pairs with the acquire in scan and step. */
	sync_store_release(&self->word, v + PSERIALIZE_ACTIVE);
	if ((v & PSERIALIZE_SLOW) != 0)
		sync_fence_full();
	return v + PSERIALIZE_ONE;
}

/* Name the first grace period that begins after everything done so far. */
static uint64_t
start(void)
{
	uint64_t s;

	sync_fence_full(); /* pairs with the heavy fence in begin() */
	/* GP acquire: pairs with the releases in begin and step. */
	s = sync_load_acquire(&gp.seq);
	return (s + 3) & ~(uint64_t)1;
}

static bool
passed(uint64_t want)
{
	/* GP acquire: pairs with the releases in begin and step. */
	return (int64_t)(sync_load_acquire(&gp.seq) - want) >= 0;
}

static void
scan_one(struct pserialize_thread *t, void *arg)
{
	(void)arg;
	/* SECTION acquire: pairs with the releases of enter and exit. */
	t->snap = sync_load_acquire(&t->word);
	if ((t->snap & PSERIALIZE_ACTIVE) != 0)
		gp.held = true;
	else
		t->snap = 0;
}

/* Begin a grace period unless one is running.  Caller is the leader. */
static void
begin(void)
{
	/* relaxed: the leader mutex orders changes. */
	uint64_t s = sync_load_relaxed(&gp.seq);

	if ((s & 1) != 0)
		return;
	/* GP release: hands on what the leader mutex gave us. */
	sync_store_release(&gp.seq, s + 1);
	sync_fence_heavy();
	gp.held = false;
	pserialize_registry_each(scan_one, NULL);
}

static void
step_one(struct pserialize_thread *t, void *arg)
{
	(void)arg;
	if (t->snap == 0)
		return;
	/* SECTION acquire: pairs with the releases of enter and exit. */
	if (sync_load_acquire(&t->word) == t->snap)
		gp.held = true;
	else
		t->snap = 0;
}

/* End the running grace period if no reader holds it.  Caller is the leader. */
static bool
step(void)
{
	/* relaxed: the leader mutex orders changes. */
	uint64_t s = sync_load_relaxed(&gp.seq);

	if (gp.held) {
		gp.held = false;
		pserialize_registry_each(step_one, NULL);
	}
	if (gp.held)
		return false;
	/* GP release: pairs with the acquire in passed and start. */
	sync_store_release(&gp.seq, s + 1);
	return true;
}

static void
lead(void)
{
	uint32_t ns = SLEEP_MIN_NS;

	begin();
	for (int i = 0; i < SPINS; i++) {
		if (step())
			return;
		port_pause();
	}
	while (!step()) {
		port_sleep(ns);
		ns = ns < SLEEP_MAX_NS / 2 ? ns * 2 : SLEEP_MAX_NS;
	}
}

void
pserialize_perform(void)
{
	uint64_t want;

	SYNC_REQUIRE(!pserialize_in_read_section());
	want = start();
	port_mutex_lock(&gp.leader);
	while (!passed(want))
		lead();
	port_mutex_unlock(&gp.leader);
}

uint64_t
pserialize_poll_start(void)
{
	uint64_t want = start();
	/* relaxed: a hint, nothing is reached through it. */
	uint64_t seen = sync_load_relaxed(&gp.wanted);

	while ((int64_t)(want - seen) > 0) {
		/* relaxed: as above. */
		if (sync_cas_relaxed(&gp.wanted, &seen, want))
			break;
	}
	return want;
}

bool
pserialize_poll(uint64_t want)
{
	return passed(want);
}

bool
pserialize_poll_advance(void)
{
	bool ended;

	/* relaxed: a hint; whoever asked will call again. */
	if (passed(sync_load_relaxed(&gp.wanted)))
		return false;
	if (!port_mutex_trylock(&gp.leader))
		return false; /* its holder does the work */
	begin();
	ended = step();
	port_mutex_unlock(&gp.leader);
	return ended;
}

void
pserialize_period_fork_child(void)
{
	/* relaxed: this is the child's only thread. */
	uint64_t s = sync_load_relaxed(&gp.seq);

	port_mutex_init(&gp.leader);
	/*
	 * A grace period that the parent was in has no leader here.  Taking
	 * it back is safe: every number given out is a later even one.
	 */
	if ((s & 1) != 0)
		/* relaxed: as above. */
		sync_store_relaxed(&gp.seq, s - 1);
}
