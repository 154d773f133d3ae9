/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The machine "virt" of QEMU: a GICv2, the generic timer, a PL011 for the
 * console, PSCI to start CPUs, semihosting to end the machine.
 */

#include "libsync/port/bare/machine.h"

#include "libsync/port/bare/mmio.h"

#define UART      0x09000000ul
#define UART_FR   0x18
#define UART_FULL 0x20

/* ARM IHI 0048B: the distributor, and what each CPU sees of its own. */
#define GICD           0x08000000ul
#define GICD_CTLR      (GICD + 0x000)
#define GICD_ISENABLER (GICD + 0x100)
#define GICD_SGIR      (GICD + 0xf00)
#define GICC           0x08010000ul
#define GICC_CTLR      (GICC + 0x00)
#define GICC_PMR       (GICC + 0x04)
#define GICC_IAR       (GICC + 0x0c)
#define GICC_EOIR      (GICC + 0x10)
#define IAR_ID         0x3ffu

#define MESSAGE  0u  /* a software generated interrupt */
#define TIMER    27u /* the virtual timer's */
#define SPURIOUS 1020u

#define PSCI_CPU_ON          0xc4000003ull
#define SYS_EXIT_EXTENDED    0x20
#define STOPPED_BY_OUR_LEAVE 0x20026ull

#define SECOND 1000000000ull

int64_t machine_psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
uint64_t machine_semihosting(uint64_t operation, const uint64_t *block);
void machine_cpu_entry(void);
void machine_irq(void);

static uint64_t hertz; /* of the timer's counter */

void
machine_init(void)
{
	__asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
	mmio_write32(GICD_CTLR, 1);
}

void
machine_cpu_init(void)
{
	machine_timer_set(UINT64_MAX);
	mmio_write32(GICD_ISENABLER, 1u << MESSAGE | 1u << TIMER);
	mmio_write32(GICC_PMR, 0xff); /* let all priorities in */
	mmio_write32(GICC_CTLR, 1);
}

/* The distributor knows how many it serves. */
unsigned
machine_cpus(void)
{
	return (mmio_read32(GICD + 4) >> 5 & 7) + 1;
}

void
machine_cpu_start(unsigned cpu)
{
	/* The CPU begins with its caches off. */
	__asm__ __volatile__("dsb sy" : : : "memory");
	(void)machine_psci(
	    PSCI_CPU_ON, cpu, (uint64_t)(uintptr_t)machine_cpu_entry, cpu);
}

void
machine_putc(char c)
{
	while ((mmio_read32(UART + UART_FR) & UART_FULL) != 0)
		machine_pause();
	mmio_write32(UART, (uint32_t)c);
}

uint64_t
machine_clock_ns(void)
{
	uint64_t t;

	__asm__ __volatile__("isb\n\t"
			     "mrs %0, cntvct_el0"
			     : "=r"(t)
			     :
			     : "memory");
	return t / hertz * SECOND + t % hertz * SECOND / hertz;
}

void
machine_timer_set(uint64_t at)
{
	const uint64_t on = at != UINT64_MAX;
	const uint64_t t = at / SECOND * hertz + at % SECOND * hertz / SECOND;

	__asm__ __volatile__("msr cntv_cval_el0, %0\n\t"
			     "msr cntv_ctl_el0, %1\n\t"
			     "isb"
			     :
			     : "r"(t), "r"(on)
			     : "memory");
}

void
machine_message(unsigned cpu)
{
	/* What we stored comes before the message. */
	__asm__ __volatile__("dsb ishst" : : : "memory");
	mmio_write32(GICD_SGIR, 1u << (16 + cpu) | MESSAGE);
}

void
machine_wait(void)
{
	/* wfi ends when an interrupt is pending, taken or not. */
	__asm__ __volatile__("dsb sy\n\t"
			     "wfi\n\t"
			     "msr daifclr, #2\n\t"
			     "isb\n\t"
			     "msr daifset, #2"
			     :
			     :
			     : "memory");
}

void
machine_exit(int status)
{
	const uint64_t block[2] = {
	    STOPPED_BY_OUR_LEAVE, (uint64_t)(unsigned)status};

	(void)machine_semihosting(SYS_EXIT_EXTENDED, block);
	for (;;)
		machine_pause();
}

/* From boot.S. */
void
machine_irq(void)
{
	const uint32_t iar = mmio_read32(GICC_IAR), id = iar & IAR_ID;

	if (id >= SPURIOUS)
		return;
	if (id == TIMER) /* first, as its line stays up */
		machine_timer_set(UINT64_MAX);
	mmio_write32(GICC_EOIR, iar);
	__asm__ __volatile__("dsb sy" : : : "memory");
	if (id == TIMER)
		bare_irq_timer();
	else
		bare_irq_message();
}
