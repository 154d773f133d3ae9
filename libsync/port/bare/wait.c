/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Waiting.  A CPU that waits says so, looks at the word once more, and stops
 * until an interrupt; who changes the word looks for those who said so, and
 * sends them a message.  Each has a full fence between its store and its load,
 * so one sees the other; the message of one who comes in between ends the stop,
 * as interrupts are off from the look to the stop.
 *
 * In the variant context-switch, to wait is what an idle loop is in a larger
 * kernel: a CPU that is online is not meanwhile, so grace periods need nothing
 * of it, and nobody has to wake it for them.
 */

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "libsync/port/bare/bare.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"

/* [a] atomic  [o] this CPU only */
static struct {
	SYNC_ATOMIC(bool) waits; /* [a] written by this CPU only */
	bool online;             /* [o] as long as it does not wait */
} __attribute__((aligned(SYNC_CACHELINE))) cpus[MACHINE_CPUS];

void
bare_online(bool on)
{
	cpus[machine_cpu()].online = on;
	if (on)
		pserialize_online();
	else
		pserialize_offline();
}

void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	const uint64_t until = ns > 0 ? port_clock_ns() + ns : UINT64_MAX;
	const unsigned long was = machine_irq_save();
	const unsigned me = machine_cpu();

	SYNC_REQUIRE(machine_irq_on(was) && "waits with interrupts off");
	/* relaxed: the fence orders it before the look at the word. */
	sync_store_relaxed(&cpus[me].waits, true);
	sync_fence_full();
	if (cpus[me].online)
		pserialize_offline();
	bare_alarm(until);
	/* relaxed: the caller looks again. */
	while (sync_load_relaxed(&ev->word) == seen &&
	       (ns == 0 || port_clock_ns() < until))
		machine_wait();
	bare_alarm(UINT64_MAX);
	if (cpus[me].online)
		pserialize_online();
	/* relaxed: a message too many does no harm. */
	sync_store_relaxed(&cpus[me].waits, false);
	machine_irq_restore(was);
}

void
port_event_wake(struct port_event *ev)
{
	(void)ev; /* each looks whether it is meant */
	sync_fence_full();
	for (unsigned i = 0; i < MACHINE_CPUS; i++)
		/* relaxed: after the fence, which the waiting CPU has, too. */
		if (sync_load_relaxed(&cpus[i].waits))
			machine_message(i);
}

void
port_event_wake_one(struct port_event *ev)
{
	port_event_wake(ev);
}

uint64_t
port_clock_ns(void)
{
	return machine_clock_ns();
}

void
port_sleep(uint32_t ns)
{
	struct port_event never = {{0}};

	port_event_wait(&never, 0, ns > 0 ? ns : 1);
}
