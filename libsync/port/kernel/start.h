/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_KERNEL_START_H
#define LIBSYNC_PORT_KERNEL_START_H

/*
 * The life of libsync in a kernel.
 *
 * Make every processor a reader, and start the thread that runs callbacks.
 * Context: a thread that may sleep, before anything else of libsync is used;
 *          all processors that ever come have their numbers.
 * Returns: 0, or a negative errno of the kernel, and nothing is started.
 */
int libsync_start(void);

/*
 * Run all callbacks that wait, and those that they call for, and end the thread.
 * Context: a thread that may sleep, after everything else of libsync was used;
 *          nobody is in a section, and nobody calls.
 */
void libsync_stop(void);

#endif /* LIBSYNC_PORT_KERNEL_START_H */
