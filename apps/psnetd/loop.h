/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_LOOP_H
#define APPS_PSNETD_LOOP_H

/*
 * The event loop of the control thread: descriptors and what to do when they
 * are ready (epoll(7), level-triggered).  A turn may run inside another one: a
 * source must bear to be told once more after it was removed.
 *
 * Context: control thread.
 */

#include <stdint.h>

struct psnetd_loop {
	int fd;
};

struct psnetd_source {
	int fd;
	void (*ready)(struct psnetd_source *s, uint32_t events);
};

/* Returns: 0 or a negative errno. */
int psnetd_loop_init(struct psnetd_loop *l);
void psnetd_loop_fini(struct psnetd_loop *l);

/*
 * Add a source, change the events (EPOLLIN, EPOLLOUT) it waits for, remove it.
 * Owner:   s must live until it is removed and the turn has ended.
 * Returns: 0 or a negative errno.
 */
int psnetd_loop_add(
    struct psnetd_loop *l, struct psnetd_source *s, uint32_t events);
int psnetd_loop_change(
    struct psnetd_loop *l, struct psnetd_source *s, uint32_t events);
void psnetd_loop_remove(struct psnetd_loop *l, struct psnetd_source *s);

/*
 * Wait at most timeout ms (-1: for ever), then run what is ready once.
 * Returns: 0 or a negative errno of epoll_wait(2).
 */
int psnetd_loop_turn(struct psnetd_loop *l, int timeout);

#endif /* APPS_PSNETD_LOOP_H */
