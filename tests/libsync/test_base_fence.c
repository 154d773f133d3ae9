/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/base/fence.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

/* The tests have one thread when they call this. */
static void
force(const char *mode)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	cr_assert_eq(setenv("LIBSYNC_FENCE", mode, 1), 0);
}

Test(base_fence, mode_is_decided_once)
{
	enum sync_fence_mode mode = sync_fence_mode();

	cr_assert_neq(mode, SYNC_FENCE_UNDECIDED);
	force(mode == SYNC_FENCE_FENCED ? "auto" : "fenced");
	cr_assert_eq(sync_fence_mode(), mode);
}

Test(base_fence, environment_forces_fenced)
{
	force("fenced");
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
	sync_fence_light();
	sync_fence_heavy();
}

Test(base_fence, light_decides_too)
{
	force("fenced");
	sync_fence_light();
	force("auto");
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
}

Test(base_fence, environment_forces_qsbr)
{
	force("qsbr");
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_QSBR);
	sync_fence_light();
	sync_fence_heavy();
}

Test(base_fence, program_chooses)
{
	force("auto");
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_QSBR), 0);
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_QSBR);
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_QSBR), 0);
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_FENCED), -EBUSY);
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_QSBR);
}

Test(base_fence, environment_wins_over_the_program)
{
	force("fenced");
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_QSBR), -EBUSY);
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
}

Test(base_fence, unknown_mode_aborts, .signal = SIGABRT)
{
	force("often");
	(void)sync_fence_mode();
}

/* Enter a sandbox in which membarrier(2) fails with err. */
static void
refuse_membarrier(int err)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
	    .len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		cr_skip_test("this kernel has no system call filters");
}

static void
expect_fenced_if_refused(int err)
{
	force("auto");
	refuse_membarrier(err);
	errno = 0;
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
	cr_assert_eq(errno, 0);
	sync_fence_light();
	sync_fence_heavy();
}

Test(base_fence, membarrier_forbidden_means_fenced)
{
	expect_fenced_if_refused(EPERM);
}

Test(base_fence, membarrier_missing_means_fenced)
{
	expect_fenced_if_refused(ENOSYS);
}

Test(base_fence, membarrier_refused_for_any_reason_means_fenced)
{
	expect_fenced_if_refused(ENOTTY);
}

Test(base_fence, choice_that_is_refused_decides_nothing)
{
	force("auto");
	refuse_membarrier(EPERM);
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_MEMBARRIER), -ENOSYS);
	cr_assert_eq(sync_fence_choose(SYNC_FENCE_QSBR), 0);
}

/* What a child that ran fn wrote to standard error. */
static void
stderr_of(void (*fn)(void), char *text, size_t size)
{
	int pipes[2], status;
	ssize_t n = 0, got;
	pid_t pid;

	cr_assert_eq(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(pipes[1]);
	while ((got = read(pipes[0], text + n, size - 1 - (size_t)n)) > 0)
		n += got;
	text[n] = '\0';
	close(pipes[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

static void
heavy_in_a_late_sandbox(void)
{
	force("membarrier");
	sync_fence_heavy();
	refuse_membarrier(EPERM);
	sync_fence_heavy();
}

Test(base_fence, sandbox_closed_too_late_is_explained)
{
	char text[1024];

	stderr_of(heavy_in_a_late_sandbox, text, sizeof(text));
	cr_assert_not_null(strstr(text, "LIBSYNC_FENCE=fenced"));
}

Test(base_fence, membarrier_asked_for_but_refused_aborts, .signal = SIGABRT)
{
	force("membarrier");
	refuse_membarrier(EPERM);
	(void)sync_fence_mode();
}

/* It does ask the kernel, each time. */
Test(base_fence, heavy_that_is_refused_later_aborts, .signal = SIGABRT)
{
	force("auto");
	if (sync_fence_mode() != SYNC_FENCE_MEMBARRIER)
		cr_skip_test("no membarrier here");
	sync_fence_heavy();
	refuse_membarrier(EPERM);
	sync_fence_heavy();
}

static int
heavy_with_a_copied_mode(void)
{
	/* relaxed: the only thread. */
	sync_store_relaxed(&sync_fence_state.mode, SYNC_FENCE_MEMBARRIER);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) ==
	    0)
		return 1; /* registered, so this would show nothing */
	sync_fence_heavy();
	return 0;
}

/*
 * What fork makes while another thread registers: the mode is in the child's
 * memory, and the registration is not in its kernel.
 */
Test(base_fence, heavy_registers_a_child_that_was_forked_too_early)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(heavy_with_a_copied_mode());
	force("auto");
	if (sync_fence_mode() != SYNC_FENCE_MEMBARRIER)
		cr_skip_test("no membarrier here");
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "status %x", status);
}

/*
 * The litmus test "store buffering": in each round one side stores x and loads
 * y, the other stores y and loads x.  Both hold the line that they load, and
 * not the one that they store, so that without fences the load comes first.
 */
struct word {
	SYNC_ATOMIC(unsigned long) round;
	char apart[SYNC_CACHELINE];
};

struct side {
	struct word *mine, *others;
	bool heavy;
	bool *saw; /* round by round: what the other side stored */
};

static struct word x, y;
static SYNC_ATOMIC(unsigned long) arrived;
static unsigned long n;

/* Wait until both sides have come so far. */
static void
meet(unsigned long round)
{
	/* relaxed: only keeps the two sides close together. */
	sync_fetch_add_relaxed(&arrived, 1);
	/* relaxed: as above. */
	for (int i = 0; sync_load_relaxed(&arrived) < 2 * round; i++)
		if (i > 2000)
			sched_yield();
}

static void *
run_side(void *arg)
{
	const struct side *s = arg;

	for (unsigned long i = 1; i <= n; i++) {
		meet(i);
		/* In each round another one is a little later. */
		for (unsigned long k = 0; k < (s->heavy ? i : i / 8) % 8; k++)
			sync_fence_compiler();
		/* relaxed: the fences are what is tested. */
		sync_store_relaxed(&s->mine->round, i);
		if (s->heavy)
			sync_fence_heavy();
		else
			sync_fence_light();
		/* relaxed: as above. */
		s->saw[i - 1] = sync_load_relaxed(&s->others->round) >= i;
	}
	return NULL;
}

Test(base_fence, stress_one_side_sees_the_other, .timeout = 100)
{
	struct side light = {.mine = &x, .others = &y, .heavy = false};
	struct side heavy = {.mine = &y, .others = &x, .heavy = true};
	unsigned long missed = 0;
	pthread_t t[2];

	n = stress_n(50000);
	light.saw = calloc(n, sizeof(*light.saw));
	heavy.saw = calloc(n, sizeof(*heavy.saw));
	cr_assert(light.saw != NULL && heavy.saw != NULL);
	cr_assert_eq(pthread_create(&t[0], NULL, run_side, &light), 0);
	cr_assert_eq(pthread_create(&t[1], NULL, run_side, &heavy), 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (unsigned long i = 0; i < n; i++)
		missed += !light.saw[i] && !heavy.saw[i];
	free(light.saw);
	free(heavy.saw);
	cr_assert_eq(missed, 0);
}
