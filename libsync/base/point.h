/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_POINT_H
#define LIBSYNC_BASE_POINT_H

/*
 * A named point between two steps that another thread may get in between.
 * Nothing in the library as built; a test that compiles a module with
 * SYNC_TEST_POINTS supplies the function and can hold a thread there.
 */
#ifdef SYNC_TEST_POINTS
void sync_test_point(const char *name);
#define SYNC_POINT(name) sync_test_point(name)
#else
#define SYNC_POINT(name) ((void)0)
#endif

#endif /* LIBSYNC_BASE_POINT_H */
