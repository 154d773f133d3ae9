/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who handles which interrupt, in a kernel: looked up in interrupt handlers,
 * changed by threads.  docs/embedding.md explains it; embedding.py runs it on
 * bare metal.
 */

#include "libsync/port/bare/bare.h"
#include "libsync/port/kernel/start.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"

struct user {
	struct pslist_entry entry;
	struct psref_target target;
	unsigned irq;
	SYNC_ATOMIC(unsigned) seen;
};

static struct pslist_head users; /* writers hold lock */
static struct port_mutex lock;
static struct psref_class *user_class;

/* Who wants it?  Context: reader section. */
static struct user *
find(unsigned irq)
{
	struct user *u;

	PSLIST_READER_FOREACH (u, &users, entry)
		if (u->irq == irq)
			return u;
	return NULL;
}

/* Context: an interrupt handler. */
static void
interrupt(void *arg)
{
	const uint64_t section = pserialize_read_enter();
	struct user *u = find(*(const unsigned *)arg);

	if (u != NULL)
		/* relaxed: a count orders nothing. */
		sync_fetch_add_relaxed(&u->seen, 1);
	pserialize_read_exit(section);
}

/* Context: a thread that may sleep. */
static int
attach(unsigned irq)
{
	struct user *u = port_alloc(sizeof(*u));

	if (u == NULL)
		return -ENOMEM;
	u->irq = irq;
	pslist_entry_init(&u->entry);
	psref_target_init(&u->target, user_class);
	port_mutex_lock(&lock);
	pslist_writer_insert_head(&users, &u->entry);
	port_mutex_unlock(&lock);
	return 0;
}

/* Context: a thread that may sleep, one for each user. */
static void
detach(struct user *u)
{
	port_mutex_lock(&lock);
	pslist_writer_remove(&u->entry);
	port_mutex_unlock(&lock);
	pserialize_perform(); /* no handler looks at it any more, */
	psref_target_destroy(&u->target, user_class); /* and nobody holds it */
	pslist_entry_fini(&u->entry);
	port_free(u);
}

/*
 * Wait until somebody has seen this interrupt a few times.
 * Context: a thread that may sleep, and stays on its CPU meanwhile.
 */
static bool
await(unsigned irq)
{
	struct psref ref;
	const uint64_t section = pserialize_read_enter();
	struct user *u = find(irq);

	if (u != NULL)
		psref_acquire(&ref, &u->target, user_class);
	pserialize_read_exit(section);
	if (u == NULL)
		return false;
	/* relaxed: a count orders nothing. */
	while (sync_load_relaxed(&u->seen) < 3)
		port_sleep(100000);
	psref_release(&ref, &u->target, user_class);
	return true;
}

static int
run(void)
{
	static unsigned timer = 7;
	struct user *u;
	uint64_t section;
	bool good;

	pslist_head_init(&users);
	if (psref_class_create("users", &user_class) != 0 || attach(timer) != 0)
		return 1;
	bare_tick_start(200000, interrupt, &timer);
	good = await(timer) && !await(timer + 1);
	section = pserialize_read_enter();
	u = find(timer);
	pserialize_read_exit(section); /* nobody else detaches it here */
	detach(u);
	good = good && !await(timer);
	bare_tick_stop();
	psref_class_destroy(user_class);
	return !good;
}

int
bare_main(void)
{
	int status;

	if (libsync_start() != 0)
		return 1;
	status = run();
	libsync_stop();
	port_log("embedding: %s\n", status == 0 ? "ok" : "FAIL");
	return status;
}
