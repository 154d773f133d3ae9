/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A list of the readers' records under one mutex: in a kernel the processors',
 * which are on it from the start; else the threads', each from its first
 * section on.  A signal handler may enter
 * its thread's first section and want the mutex, so whoever takes it is either
 * registered already or blocks signals.
 *
 * Invariants
 *   I1  A record is on the list exactly while its registered flag is set.
 *   I2  Nobody waits for anything else with the mutex held.
 */

#include "libsync/pserialize/pserialize_impl.h"

#include "libsync/port/port.h"

/* [r] under the mutex  [c] constant after start */
static struct {
	struct port_mutex mutex;
	struct pserialize_thread *first; /* [r] */
	struct port_exit exit_hook;      /* [c] */
	struct port_mask forking;        /* [r] mask of a forking thread */
} reg = {.mutex = PORT_MUTEX_INIT};

/* Put a record on the list.  Context: mutex held. */
static void
add(struct pserialize_thread *t, uint32_t id)
{
	const bool light = sync_fence_mode() == SYNC_FENCE_MEMBARRIER;

	t->id = id;
	t->next = reg.first;
	t->prevp = &reg.first;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	reg.first = t;
	t->registered = true;
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++) {
		t->snap[d] = 0;
		/* relaxed: scans come after us by the mutex. */
		sync_store_relaxed(&t->words[d], light ? 0 : PSERIALIZE_SLOW);
	}
}

static void
fork_prepare(void)
{
	struct port_mask saved;

	port_mask_block(&saved);
	pserialize_reclaim_fork_prepare();
	port_mutex_lock(&reg.mutex);
	reg.forking = saved;
}

static void
fork_parent(void)
{
	struct port_mask saved = reg.forking;

	port_mutex_unlock(&reg.mutex);
	pserialize_reclaim_fork_parent();
	port_mask_restore(&saved);
}

static void
fork_child(void)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	struct port_mask saved = reg.forking;
	const uint32_t was = self->id;

	/* The others' records will be overwritten when their stacks are. */
	for (struct pserialize_thread *t = reg.first; t != NULL; t = t->next)
		if (t != self)
			pserialize_call_adopt(t);
	reg.first = NULL;
	if (self->registered) {
		reg.first = self;
		self->next = NULL;
		self->prevp = &reg.first;
		for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
			self->snap[d] = 0;
		self->id = port_thread_id();
	}
	pserialize_domain_fork_child();
	pserialize_period_fork_child();
	pserialize_reclaim_fork_child(was, self->id);
	port_mutex_init(&reg.mutex);
	port_mask_restore(&saved);
}

static void
lock(struct port_mask *saved)
{
	port_mask_block(saved);
	port_mutex_lock(&reg.mutex);
}

static void
unlock(const struct port_mask *saved)
{
	port_mutex_unlock(&reg.mutex);
	port_mask_restore(saved);
}

void
pserialize_registry_join(void)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	struct port_mask saved;

	SYNC_REQUIRE(!PORT_BY_CPU && "a section before libsync_start()");
	(void)sync_fence_mode(); /* decided before the mutex is taken */
	lock(&saved);
	if (!self->registered) { /* else by a signal handler, just now */
		port_exit_arm(&reg.exit_hook, self);
		add(self, port_thread_id());
	}
	unlock(&saved);
}

/*
 * A section that a thread left open cannot be ended by anybody else.  It ends
 * here: the thread looks at nothing any more, unless a later hook of it does.
 */
static void
check_closed(struct pserialize_thread *self)
{
	bool open = false;

	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++) {
		if (!pserialize_domain_in_section(d))
			continue;
		open = true;
		pserialize_stall_left_open(d);
		/* SECTION release: pairs with the acquire in scan and step. */
		sync_store_release(&self->words[d], 0);
	}
	SYNC_ASSERT(!open && "a thread ends inside a section");
	(void)open;
}

/*
 * The exit hook: take the calling thread off the registry.  Signals stay blocked
 * from here on: a handler that read after the last hook would register a thread
 * that never leaves, and whose memory goes away.
 */
static void
thread_gone(void *arg)
{
	struct pserialize_thread *self = (struct pserialize_thread *)arg;
	struct port_mask saved;

	SYNC_REQUIRE(self == port_local(pserialize_self));
	check_closed(self);
	lock(&saved);
	*self->prevp = self->next;
	if (self->next != NULL)
		self->next->prevp = self->prevp;
	self->registered = false;
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		/* relaxed: nobody else can find the word any more. */
		sync_store_relaxed(&self->words[d], PSERIALIZE_SLOW);
	pserialize_call_adopt(self);
	port_mutex_unlock(&reg.mutex);
}

PORT_START(pserialize_registry)
{
	port_exit_create(&reg.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_parent, fork_child);
	port_mutex_lock(&reg.mutex);
	for (unsigned i = 0; i < port_locals(); i++)
		if (port_has_local(i) &&
		    !port_local_of(pserialize_self, i)->registered)
			add(port_local_of(pserialize_self, i), i + 1);
	port_mutex_unlock(&reg.mutex);
}

void
pserialize_registry_each(
    void (*fn)(struct pserialize_thread *, void *), void *arg)
{
	/* Processors are all registered, and this one may change. */
	if (!PORT_BY_CPU && !port_local(pserialize_self)->registered)
		pserialize_registry_join();
	port_mutex_lock(&reg.mutex);
	for (struct pserialize_thread *t = reg.first; t != NULL; t = t->next)
		fn(t, arg);
	port_mutex_unlock(&reg.mutex);
}
