/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The machine "virt" of QEMU, whose devices are those of SiFive's boards: CLINT
 * for timers and messages, an NS16550 for the console, and a word that ends the
 * machine.
 */

#include "libsync/port/bare/machine.h"

#include "libsync/port/bare/mmio.h"

#define UART        0x10000000ul
#define UART_LSR    5
#define UART_EMPTY  0x20
#define FINISHER    0x100000ul
#define FINISH_PASS 0x5555u
#define FINISH_FAIL 0x3333u

/* SiFive E31 manual, chapter 9: one word of each per hart, one clock. */
#define CLINT_MSIP(cpu)     (0x2000000ul + 4 * (cpu))
#define CLINT_MTIMECMP(cpu) (0x2004000ul + 8 * (cpu))
#define CLINT_MTIME         0x200bff8ul
#define CLOCK_NS            100u /* a tick of mtime, 10 MHz */

#define MIE_MSIE  0x8ul
#define MIE_MTIE  0x80ul
#define INTERRUPT (1ull << 63)
#define CAUSE_MSI (INTERRUPT | 3)
#define CAUSE_MTI (INTERRUPT | 7)

/* Harts that may leave the loop in boot.S. */
uint32_t machine_go[MACHINE_CPUS];

void machine_trap(uint64_t cause, uint64_t pc, uint64_t address);

void
machine_init(void)
{
}

void
machine_cpu_init(void)
{
	mmio_write32(CLINT_MSIP(machine_cpu()), 0);
	machine_timer_set(UINT64_MAX);
	__asm__ __volatile__("csrw mie, %0" : : "r"(MIE_MSIE | MIE_MTIE));
}

/* The words of harts that are not there stay 0. */
unsigned
machine_cpus(void)
{
	unsigned n = 1;

	while (n < MACHINE_CPUS) {
		mmio_write32(CLINT_MSIP(n), 1);
		if (mmio_read32(CLINT_MSIP(n)) == 0)
			break;
		mmio_write32(CLINT_MSIP(n), 0);
		n++;
	}
	return n;
}

void
machine_cpu_start(unsigned cpu)
{
	__atomic_store_n(&machine_go[cpu], 1, __ATOMIC_RELEASE);
	machine_message(cpu);
}

void
machine_putc(char c)
{
	while ((mmio_read8(UART + UART_LSR) & UART_EMPTY) == 0)
		machine_pause();
	mmio_write8(UART, (uint8_t)c);
}

uint64_t
machine_clock_ns(void)
{
	return mmio_read64(CLINT_MTIME) * CLOCK_NS;
}

void
machine_timer_set(uint64_t at)
{
	mmio_write64(CLINT_MTIMECMP(machine_cpu()),
	    at == UINT64_MAX ? at : at / CLOCK_NS);
}

void
machine_message(unsigned cpu)
{
	/* What we stored comes before the message, which is a device's. */
	__asm__ __volatile__("fence w, o" : : : "memory");
	mmio_write32(CLINT_MSIP(cpu), 1);
}

void
machine_wait(void)
{
	/* wfi ends when an interrupt is pending, taken or not. */
	__asm__ __volatile__("wfi\n\t"
			     "csrsi mstatus, %0\n\t"
			     "csrci mstatus, %0"
			     :
			     : "i"(RISCV64_MSTATUS_MIE)
			     : "memory");
}

void
machine_exit(int status)
{
	mmio_write32(FINISHER,
	    status == 0 ? FINISH_PASS : (uint32_t)status << 16 | FINISH_FAIL);
	for (;;)
		machine_pause();
}

/* From boot.S: what came, where, and about what address. */
void
machine_trap(uint64_t cause, uint64_t pc, uint64_t address)
{
	switch (cause) {
	case CAUSE_MSI:
		mmio_write32(CLINT_MSIP(machine_cpu()), 0);
		/* What was stored before the message is read after it. */
		__asm__ __volatile__("fence o, r" : : : "memory");
		bare_irq_message();
		return;
	case CAUSE_MTI:
		/* What bare_irq_timer() wants of its pause, which QEMU's pause
		 * is not: it ends at once, as the interrupt is still there. */
		__asm__ __volatile__("wfi" : : : "memory");
		machine_timer_set(UINT64_MAX);
		bare_irq_timer();
		return;
	default:
		bare_trap(cause, pc, address);
	}
}
