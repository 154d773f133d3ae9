/* SPDX-License-Identifier: BSD-2-Clause */

/* What comes out of the console, and the end when something is wrong. */

#include "libsync/base/assert.h"
#include "libsync/port/bare/bare.h"
#include "libsync/port/port.h"

#define PANIC_STATUS 2

static struct port_spin console = PORT_SPIN_INIT;

static struct {
	SYNC_ATOMIC(uint32_t) going;
} panic;

static void
put_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			machine_putc('\r');
		machine_putc(*s);
	}
}

static void
put_number(uint64_t v, unsigned base)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	while (n > 0)
		machine_putc(digits[--n]);
}

static void
put_signed(int64_t v)
{
	if (v < 0)
		machine_putc('-');
	put_number(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

/* One conversion; longs counts the l before it. */
static void
put_conversion(char kind, int longs, va_list *ap)
{
	switch (kind) {
	case 's':
		put_text(va_arg(*ap, const char *));
		break;
	case 'c':
		machine_putc((char)va_arg(*ap, int));
		break;
	case 'd':
		put_signed(longs > 0 ? va_arg(*ap, int64_t) : va_arg(*ap, int));
		break;
	case 'u':
	case 'x':
		put_number(
		    longs > 0 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned),
		    kind == 'x' ? 16 : 10);
		break;
	case 'p':
		put_text("0x");
		put_number((uintptr_t)va_arg(*ap, void *), 16);
		break;
	default:
		machine_putc(kind);
	}
}

static void
put_format(const char *fmt, va_list *ap)
{
	for (; *fmt != '\0'; fmt++) {
		const char one[] = {*fmt, '\0'};
		int longs = 0;

		if (*fmt != '%') {
			put_text(one);
			continue;
		}
		while (*++fmt == 'l')
			longs++;
		if (*fmt == '\0')
			return;
		put_conversion(*fmt, longs, ap);
	}
}

void
bare_vlog(const char *fmt, va_list *ap)
{
	port_spin_lock(&console);
	put_format(fmt, ap);
	port_spin_unlock(&console);
}

void
port_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	bare_vlog(fmt, &ap);
	va_end(ap);
}

void
bare_panic(const char *fmt, ...)
{
	va_list ap;

	(void)machine_irq_save();
	/* relaxed: only the first goes on; there is no lock, as the CPU that
	 * holds it may be this one. */
	while (sync_xchg_relaxed(&panic.going, 1) != 0)
		for (;;)
			machine_pause();
	va_start(ap, fmt);
	put_text("\npanic on cpu ");
	put_number(machine_cpu(), 10);
	put_text(": ");
	put_format(fmt, &ap);
	va_end(ap);
	machine_exit(PANIC_STATUS);
}

void
bare_trap(uint64_t cause, uint64_t pc, uint64_t address)
{
	bare_panic("trap %lx at %lx about %lx\n", cause, pc, address);
}

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	bare_panic("%s:%d: requirement failed: %s\n", file, line, expr);
}
