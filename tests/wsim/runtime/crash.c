/* SPDX-License-Identifier: BSD-2-Clause */

/* A crash of the code under test is a failure with a seed, like others. */

#include "tests/wsim/runtime/impl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static void *
pc_of(const ucontext_t *at)
{
	uintptr_t pc;
	void *p;

#if defined(__x86_64__)
	pc = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#else
	pc = (uintptr_t)at->uc_mcontext.pc;
#endif
	pc++; /* as if it were a return address */
	memcpy(&p, &pc, sizeof(p));
	return p;
}

static void
crashed(int signo, siginfo_t *info, void *context)
{
	if (wsim == NULL || !wsim->running) {
		signal(signo, SIG_DFL);
		raise(signo);
		return;
	}
	wsim->user = false;
	wsim_fail_at(WSIM_CRASH, (uintptr_t)info->si_addr, pc_of(context), -1,
	    NULL, "T%d got the signal %s", wsim->me, strsignal(signo));
}

void
wsim_catch_crashes(void)
{
	const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	struct sigaction act = {
	    .sa_sigaction = crashed,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	const stack_t stack = {
	    .ss_sp = wsim->crash_stack, .ss_size = sizeof(wsim->crash_stack)};

	if (sigaltstack(&stack, NULL) != 0)
		abort();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &act, NULL) != 0)
			abort();
}
