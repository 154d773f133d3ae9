/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A PC with local APICs, an HPET and a serial port, as QEMU's q35, whose
 * isa-debug-exit ends it.
 */

#include "libsync/port/bare/machine.h"

#include "libsync/port/bare/mmio.h"
#include "libsync/port/bare/x86_64/vectors.h"
#include "libsync/port/port.h"

#define COM1       0x3f8
#define COM1_LSR   (COM1 + 5)
#define COM1_EMPTY 0x20
#define PIC1_MASK  0x21
#define PIC2_MASK  0xa1
#define EXIT       0xf4

/* QEMU docs/specs/fw_cfg.txt */
#define FW_CFG_SELECT  0x510
#define FW_CFG_DATA    0x511
#define FW_CFG_NB_CPUS 5

/* IA-PC HPET specification 1.0a, 2.3 */
#define HPET            0xfed00000ul
#define HPET_PERIOD     (HPET + 4) /* femtoseconds */
#define HPET_CONFIG     (HPET + 0x10)
#define HPET_COUNTER    (HPET + 0xf0)
#define HPET_COUNTER_HI (HPET + 0xf4)
#define FEMTO_PER_NANO  1000000u

/* Intel SDM 3A 10.4.1 */
#define APIC           0xfee00000ul
#define APIC_EOI       (APIC + 0xb0)
#define APIC_SPURIOUS  (APIC + 0xf0)
#define APIC_ENABLE    0x100u
#define APIC_ICR       (APIC + 0x300)
#define APIC_ICR_TO    (APIC + 0x310)
#define ICR_INIT       0x4500u
#define ICR_STARTUP    0x4600u
#define ICR_FIXED      0x4000u
#define ICR_PENDING    0x1000u
#define APIC_LVT_TIMER (APIC + 0x320)
#define LVT_MASKED     0x10000u
#define APIC_COUNT     (APIC + 0x380)
#define APIC_COUNT_NOW (APIC + 0x390)
#define APIC_DIVIDE    (APIC + 0x3e0)
#define DIVIDE_BY_1    0xbu

#define MILLISECOND 1000000u

extern const char machine_trampoline[], machine_trampoline_end[];
extern const char machine_exceptions[];
void machine_timer_entry(void);
void machine_message_entry(void);
void machine_spurious_entry(void);
void machine_timer(void);
void machine_message_came(void);

/* Intel SDM 3A 6.14.1 */
struct gate {
	uint16_t low, selector, kind, middle;
	uint32_t high, unused;
};

#define GATE_INTERRUPT 0x8e00 /* present, interrupts off */
#define CODE64         0x08

static struct gate gates[256] __attribute__((aligned(16)));
static uint32_t hpet_period; /* femtoseconds */
static uint64_t tsc_rate;    /* in a millisecond */
static uint64_t apic_rate;   /* in a millisecond */

uint32_t machine_starting; /* the number of the CPU that is being started */

static inline void
out8(uint16_t port, uint8_t v)
{
	__asm__ __volatile__("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t
in8(uint16_t port)
{
	uint8_t v;

	__asm__ __volatile__("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void
gate_set(unsigned vector, uintptr_t to)
{
	gates[vector] = (struct gate){
	    .low = (uint16_t)to,
	    .selector = CODE64,
	    .kind = GATE_INTERRUPT,
	    .middle = (uint16_t)(to >> 16),
	    .high = (uint32_t)(to >> 32),
	};
}

static inline uint64_t
tsc(void)
{
	uint32_t low, high;

	__asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* In halves, as not all devices take more. */
static uint64_t
hpet_ns(void)
{
	uint32_t low, high, again = mmio_read32(HPET_COUNTER_HI);
	uint64_t t;

	do {
		high = again;
		low = mmio_read32(HPET_COUNTER);
		again = mmio_read32(HPET_COUNTER_HI);
	} while (again != high);
	t = (uint64_t)high << 32 | low;
	return t / FEMTO_PER_NANO * hpet_period +
	       t % FEMTO_PER_NANO * hpet_period / FEMTO_PER_NANO;
}

/*
 * Nobody tells how fast the counter of the processor and the timer of the APIC
 * are, so the HPET does; reading it all the time would be slow.  The shortest of
 * three, as an emulator may be stopped in between.
 */
static void
measure(void)
{
	mmio_write32(APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
	mmio_write32(APIC_DIVIDE, DIVIDE_BY_1);
	mmio_write32(APIC_LVT_TIMER, LVT_MASKED);
	tsc_rate = apic_rate = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		const uint64_t begin = hpet_ns(), tsc_begin = tsc();
		uint64_t ticks;

		mmio_write32(APIC_COUNT, UINT32_MAX);
		while (hpet_ns() - begin < MILLISECOND)
			machine_pause();
		ticks = tsc() - tsc_begin;
		if (ticks < tsc_rate)
			tsc_rate = ticks;
		ticks = UINT32_MAX - mmio_read32(APIC_COUNT_NOW);
		if (ticks < apic_rate)
			apic_rate = ticks;
	}
}

void
machine_init(void)
{
	/* The old interrupt controllers are not used. */
	out8(PIC1_MASK, 0xff);
	out8(PIC2_MASK, 0xff);
	for (unsigned v = 0; v < EXCEPTIONS; v++)
		gate_set(v, (uintptr_t)machine_exceptions + 16 * (uintptr_t)v);
	gate_set(VECTOR_TIMER, (uintptr_t)machine_timer_entry);
	gate_set(VECTOR_MESSAGE, (uintptr_t)machine_message_entry);
	gate_set(VECTOR_SPURIOUS, (uintptr_t)machine_spurious_entry);
	hpet_period = mmio_read32(HPET_PERIOD);
	mmio_write32(HPET_CONFIG, 1);
	measure();
}

void
machine_cpu_init(void)
{
	const struct {
		uint16_t limit;
		const void *base;
	} __attribute__((packed)) table = {sizeof(gates) - 1, gates};

	__asm__ __volatile__("lidt %0" : : "m"(table));
	mmio_write32(APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
	mmio_write32(APIC_DIVIDE, DIVIDE_BY_1);
	mmio_write32(APIC_LVT_TIMER, VECTOR_TIMER); /* once */
	mmio_write32(APIC_COUNT, 0);
}

unsigned
machine_cpus(void)
{
	unsigned n;

	__asm__ __volatile__(
	    "outw %0, %1"
	    :
	    : "a"((uint16_t)FW_CFG_NB_CPUS), "Nd"((uint16_t)FW_CFG_SELECT));
	n = in8(FW_CFG_DATA);
	return n | (unsigned)in8(FW_CFG_DATA) << 8;
}

/* Two registers: nobody of this CPU may come in between. */
static void
apic_send(unsigned cpu, uint32_t what)
{
	const unsigned long was = machine_irq_save();

	while ((mmio_read32(APIC_ICR) & ICR_PENDING) != 0)
		machine_pause();
	mmio_write32(APIC_ICR_TO, cpu << 24);
	mmio_write32(APIC_ICR, what);
	machine_irq_restore(was);
}

/* Intel SDM 3A 8.4.4; CPUs have the numbers of their APICs. */
void
machine_cpu_start(unsigned cpu)
{
	const size_t size =
	    (size_t)(machine_trampoline_end - machine_trampoline);

	memcpy((void *)TRAMPOLINE, machine_trampoline, size);
	machine_starting = cpu;
	apic_send(cpu, ICR_INIT);
	port_sleep(10 * MILLISECOND);
	apic_send(cpu, ICR_STARTUP | TRAMPOLINE >> 12);
}

void
machine_putc(char c)
{
	while ((in8(COM1_LSR) & COM1_EMPTY) == 0)
		machine_pause();
	out8(COM1, (uint8_t)c);
}

uint64_t
machine_clock_ns(void)
{
	const uint64_t t = tsc();

	return t / tsc_rate * MILLISECOND +
	       t % tsc_rate * MILLISECOND / tsc_rate;
}

void
machine_timer_set(uint64_t at)
{
	uint64_t now, count = 0; /* none */

	if (at != UINT64_MAX) {
		now = machine_clock_ns();
		count = 1;
		if (at > now)
			count += (at - now) * apic_rate / MILLISECOND;
	}
	mmio_write32(
	    APIC_COUNT, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

void
machine_message(unsigned cpu)
{
	/* A store to the APIC, which is uncached, comes after all others. */
	apic_send(cpu, ICR_FIXED | VECTOR_MESSAGE);
}

void
machine_wait(void)
{
	/* Interrupts come in after the instruction that follows sti. */
	__asm__ __volatile__("sti\n\t"
			     "hlt\n\t"
			     "cli"
			     :
			     :
			     : "memory");
}

/* QEMU ends with twice the value and one. */
void
machine_exit(int status)
{
	const uint32_t value = status == 0 ? 16 : 1;

	__asm__ __volatile__("outl %0, %1"
			     :
			     : "a"(value), "Nd"((uint16_t)EXIT));
	for (;;)
		machine_pause();
}

void
machine_timer(void)
{
	mmio_write32(APIC_EOI, 0);
	bare_irq_timer();
}

void
machine_message_came(void)
{
	mmio_write32(APIC_EOI, 0);
	bare_irq_message();
}
