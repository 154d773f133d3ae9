/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What interrupts do.
 *
 * The timer of each CPU serves two: the alarm of whoever waits there, and the
 * function that is called again and again.  A message says nothing: the CPU
 * looks for all that may be wanted of it.
 *
 * A fence on every CPU: the caller counts asked up and sends messages; each CPU
 * runs a full fence and stores the number it found.  Who waits for that takes
 * interrupts, so CPUs that ask at the same time serve each other.
 *
 * Ordering pairs
 *   ASKED  barrier counts asked up (acq_rel) -> look loads it (acquire): the
 *          fence comes after what the caller did before.
 *   RAN    look stores ran (release) -> await loads it (acquire): the fence comes
 *          before what the caller does after.
 *   TICK   start and stop count the number up (release) -> tick_look loads it
 *          (acquire): function, argument and time are there.
 */

#include "libsync/base/fence.h"
#include "libsync/port/bare/bare.h"
#include "libsync/port/port.h"

/* [a] atomic  [o] this CPU, interrupts off */
static struct cpu {
	struct port_event ran; /* [a] fences */
	uint64_t number;       /* [o] of the tick that it has seen */
	uint64_t tick;         /* [o] when the next is due */
	uint64_t alarm;        /* [o] */
} __attribute__((aligned(SYNC_CACHELINE))) cpus[MACHINE_CPUS] = {
    [0 ... MACHINE_CPUS - 1] = {.tick = UINT64_MAX, .alarm = UINT64_MAX}};

static struct {
	SYNC_ATOMIC(uint32_t) asked; /* fences */
} xcall;

static struct {
	SYNC_ATOMIC(uint64_t) number; /* odd while there is a function */
	uint32_t ns;
	void (*fn)(void *);
	void *arg;
} tick;

static void
message_all(void)
{
	for (unsigned i = 0; i < bare_cpus(); i++)
		if (i != machine_cpu())
			machine_message(i);
}

static void
xcall_look(void)
{
	struct cpu *c = &cpus[machine_cpu()];
	/* ASKED acquire: pairs with the count in port_xcall_barrier. */
	const uint32_t asked = sync_load_acquire(&xcall.asked);

	sync_fence_full();
	/* relaxed: only this CPU writes it. */
	if (sync_load_relaxed(&c->ran.word) == asked)
		return;
	/* RAN release: pairs with the acquire in await. */
	sync_store_release(&c->ran.word, asked);
	port_event_wake(&c->ran);
}

static void
await(struct cpu *c, uint32_t asked)
{
	uint32_t ran;

	/* RAN acquire: pairs with the release in xcall_look. */
	while ((int32_t)((ran = sync_load_acquire(&c->ran.word)) - asked) < 0)
		port_event_wait(&c->ran, ran, 0);
}

void
port_xcall_barrier(void)
{
	const unsigned long was = machine_irq_save();
	uint32_t mine;

	/* ASKED acq_rel: pairs with the acquire in xcall_look. */
	mine = sync_fetch_add_acq_rel(&xcall.asked, 1) + 1;
	message_all();
	xcall_look();
	machine_irq_restore(was);
	for (unsigned i = 0; i < bare_cpus(); i++)
		await(&cpus[i], mine);
	sync_fence_full();
}

static void
set_timer(const struct cpu *c)
{
	machine_timer_set(c->tick < c->alarm ? c->tick : c->alarm);
}

void
bare_alarm(uint64_t at)
{
	struct cpu *c = &cpus[machine_cpu()];

	if (c->alarm == at)
		return;
	c->alarm = at;
	set_timer(c);
}

static void
tick_look(void)
{
	struct cpu *c = &cpus[machine_cpu()];
	/* TICK acquire: pairs with the releases in start and stop. */
	const uint64_t number = sync_load_acquire(&tick.number);

	if (c->number == number)
		return;
	c->number = number;
	c->tick = (number & 1) != 0 ? machine_clock_ns() + tick.ns : UINT64_MAX;
	set_timer(c);
}

static void
tick_change(void)
{
	unsigned long was;

	/* TICK release: pairs with the acquire in tick_look. */
	sync_fetch_add_release(&tick.number, 1);
	message_all();
	was = machine_irq_save();
	tick_look();
	machine_irq_restore(was);
	/* Who answers this has seen the change, as handlers come one by one. */
	port_xcall_barrier();
}

void
bare_tick_start(uint32_t ns, void (*fn)(void *), void *arg)
{
	tick.ns = ns;
	tick.fn = fn;
	tick.arg = arg;
	tick_change();
}

void
bare_tick_stop(void)
{
	tick_change();
}

void
bare_irq_timer(void)
{
	struct cpu *c = &cpus[machine_cpu()];
	const uint64_t now = machine_clock_ns();

	/* An emulator that runs one CPU at a time goes on with the next here,
	 * and so with all of them, whatever we do outside of handlers. */
	machine_pause();
	if (c->alarm <= now)
		c->alarm = UINT64_MAX; /* the CPU stops no more */
	if (c->tick <= now) {
		tick.fn(tick.arg);
		/* Late ticks are left out. */
		c->tick = machine_clock_ns() + tick.ns;
	}
	set_timer(c);
}

void
bare_irq_message(void)
{
	tick_look();
	xcall_look();
}
