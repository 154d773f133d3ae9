/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_RUNTIME_WRAP_H
#define TESTS_WSIM_RUNTIME_WRAP_H

/* The names that the linker makes of those in wrap.txt. */

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#define WRAP(ret, name, args)   \
	ret __wrap_##name args; \
	ret __real_##name args;

/* clang-format off */
WRAP(__attribute__((noreturn)) void, abort, (void))
__attribute__((noreturn)) void __wrap___assert_fail(
    const char *, const char *, unsigned, const char *);
__attribute__((noreturn)) void __wrap_sync_assert_fail(
    const char *, const char *, int);
WRAP(void *, memcpy, (void *, const void *, size_t))
WRAP(void *, memmove, (void *, const void *, size_t))
WRAP(void *, memset, (void *, int, size_t))
WRAP(int, memcmp, (const void *, const void *, size_t))
WRAP(void *, malloc, (size_t))
WRAP(void *, calloc, (size_t, size_t))
WRAP(void *, realloc, (void *, size_t))
WRAP(void *, aligned_alloc, (size_t, size_t))
WRAP(int, posix_memalign, (void **, size_t, size_t))
WRAP(void, free, (void *))
WRAP(int, pthread_create,
    (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
WRAP(int, pthread_join, (pthread_t, void **))
WRAP(int, pthread_detach, (pthread_t))
WRAP(pthread_t, pthread_self, (void))
WRAP(int, pthread_setname_np, (pthread_t, const char *))
WRAP(int, pthread_atfork, (void (*)(void), void (*)(void), void (*)(void)))
WRAP(int, pthread_sigmask, (int, const sigset_t *, sigset_t *))
WRAP(int, pthread_key_create, (pthread_key_t *, void (*)(void *)))
WRAP(int, pthread_setspecific, (pthread_key_t, const void *))
WRAP(void *, pthread_getspecific, (pthread_key_t))
WRAP(int, pthread_mutex_init, (pthread_mutex_t *, const pthread_mutexattr_t *))
WRAP(int, pthread_mutex_destroy, (pthread_mutex_t *))
WRAP(int, pthread_mutex_lock, (pthread_mutex_t *))
WRAP(int, pthread_mutex_trylock, (pthread_mutex_t *))
WRAP(int, pthread_mutex_unlock, (pthread_mutex_t *))
WRAP(int, pthread_cond_init, (pthread_cond_t *, const pthread_condattr_t *))
WRAP(int, pthread_cond_destroy, (pthread_cond_t *))
WRAP(int, pthread_cond_wait, (pthread_cond_t *, pthread_mutex_t *))
WRAP(int, pthread_cond_timedwait,
    (pthread_cond_t *, pthread_mutex_t *, const struct timespec *))
WRAP(int, pthread_cond_signal, (pthread_cond_t *))
WRAP(int, pthread_cond_broadcast, (pthread_cond_t *))
WRAP(int, sched_yield, (void))
WRAP(int, sched_getcpu, (void))
WRAP(int, usleep, (useconds_t))
WRAP(int, nanosleep, (const struct timespec *, struct timespec *))
WRAP(int, clock_gettime, (clockid_t, struct timespec *))
WRAP(long, syscall, (long, ...))
/* clang-format on */

#endif /* TESTS_WSIM_RUNTIME_WRAP_H */
