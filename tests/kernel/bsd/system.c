/* SPDX-License-Identifier: BSD-2-Clause */

/* What vcpu.c and the kernels on it need of the system, and the program. */

#include "tests/kernel/bsd/vcpu.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE  512
#define PANIC 70 /* status of the program */

void
vcpu_wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void
vcpu_pause(void)
{
	(void)sched_yield();
}

uint64_t
vcpu_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
vcpu_print(const char *fmt, va_list ap)
{
	char line[LINE];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;
	if (len > 0)
		(void)!write(STDOUT_FILENO, line, (size_t)len);
}

void
vcpu_panic(const char *fmt, ...)
{
	va_list ap;

	fputs("panic: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fputs("\n", stdout);
	fflush(stdout);
	_exit(PANIC);
}

void
vcpu_stays(const char *what)
{
	const struct vcpu_thread *t = vcpu_self();

	if (t->only < 0 && t->bound == 0 && t->preempt_off == 0 &&
	    t->level == 0 && t->handlers == 0)
		vcpu_panic("%s: the caller may move", what);
}

int
main(int argc, char **argv)
{
	const unsigned long cpus = argc > 1 ? strtoul(argv[1], NULL, 0) : 4;
	const unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	int status;

	if (cpus == 0 || cpus > VCPU_MAX) {
		fprintf(stderr, "usage: %s CPUS ROUNDS [TEST]\n", argv[0]);
		return 2;
	}
	(void)vcpu_start((unsigned)cpus);
	status = kernel_main((unsigned)rounds, argc > 3 ? argv[3] : NULL);
	vcpu_stop();
	return status;
}
