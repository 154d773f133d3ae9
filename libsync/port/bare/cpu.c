/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The CPUs: how they come up, and what they do.  CPU 0 runs bare_main(), each
 * of the others waits for work, does it, and waits again.
 *
 * Ordering pairs
 *   UP    bare_arrive stores state (release) -> bare_boot loads it (acquire):
 *         what the CPU set up is there before it is used.
 *   WORK  bare_run stores state (release) -> the CPU loads it (acquire): the
 *         function and its argument are there.
 *   DONE  the CPU stores state (release) -> bare_wait loads it (acquire): the
 *         function happens before the return.
 */

#include "libsync/port/bare/bare.h"

#include "libsync/port/port.h"

enum {
	ABSENT,
	IDLE,
	BUSY
};

/* [a] atomic  [w] of whoever made it busy, then of the CPU */
static struct cpu {
	struct port_event state; /* [a] */
	void (*fn)(void *);      /* [w] */
	void *arg;               /* [w] */
} __attribute__((aligned(SYNC_CACHELINE))) cpus[MACHINE_CPUS];

static unsigned count; /* constant from bare_main() on */

unsigned
bare_cpus(void)
{
	return count;
}

int
bare_run(unsigned cpu, void (*fn)(void *), void *arg)
{
	struct cpu *c = &cpus[cpu];

	/* DONE acquire: pairs with the release in serve. */
	if (cpu >= count || sync_load_acquire(&c->state.word) != IDLE)
		return -EBUSY;
	c->fn = fn;
	c->arg = arg;
	/* WORK release: pairs with the acquire in serve. */
	sync_store_release(&c->state.word, BUSY);
	port_event_wake(&c->state);
	return 0;
}

void
bare_wait(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];

	/* DONE acquire: pairs with the release in serve. */
	while (sync_load_acquire(&c->state.word) == BUSY)
		port_event_wait(&c->state, BUSY, 0);
}

static void
serve(struct cpu *c)
{
	/* WORK acquire: pairs with the release in bare_run. */
	while (sync_load_acquire(&c->state.word) != BUSY)
		port_event_wait(&c->state, IDLE, 0);
	c->fn(c->arg);
	/* DONE release: pairs with the acquires in bare_run and bare_wait. */
	sync_store_release(&c->state.word, IDLE);
	port_event_wake(&c->state);
}

void
bare_arrive(void)
{
	struct cpu *c = &cpus[machine_cpu()];

	machine_cpu_init();
	machine_irq_enable();
	/* UP release: pairs with the acquire in bare_boot. */
	sync_store_release(&c->state.word, IDLE);
	port_event_wake(&c->state);
	for (;;)
		serve(c);
}

void
bare_boot(void)
{
	unsigned n;

	bare_heap_init();
	machine_init();
	machine_cpu_init();
	machine_irq_enable();
	n = machine_cpus();
	if (n > MACHINE_CPUS)
		n = MACHINE_CPUS;
	for (unsigned i = 1; i < n; i++) {
		machine_cpu_start(i);
		/* UP acquire: pairs with the release in bare_arrive. */
		while (sync_load_acquire(&cpus[i].state.word) == ABSENT)
			port_event_wait(&cpus[i].state, ABSENT, 0);
	}
	count = n;
	machine_exit(bare_main());
}

static void
thread_main(void *arg)
{
	void (*fn)(void);

	memcpy(&fn, &arg, sizeof(fn));
	fn();
}

int
port_thread_start(void (*fn)(void), const char *name)
{
	void *arg;

	_Static_assert(sizeof(fn) == sizeof(arg), "a function fits a pointer");
	(void)name;
	if (count < 2)
		return -ENOSYS;
	memcpy(&arg, &fn, sizeof(arg));
	return bare_run(count - 1, thread_main, arg);
}

void
port_thread_wait(void)
{
	bare_wait(count - 1);
}

uint32_t
port_thread_id(void)
{
	return machine_cpu() + 1;
}

void
port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX])
{
	memcpy(name, "cpu", 3);
	name[3] = (char)('0' + (id - 1) % 10);
	name[4] = '\0';
}
