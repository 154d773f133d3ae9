/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Network namespaces of Linux for one test: the test's own, where psnet runs,
 * and those of its peers, which are plain Linux hosts.  All end with the test.
 */
#ifndef TESTS_DRIVERS_NETNS_H
#define TESTS_DRIVERS_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stack/core/stack.h"

/*
 * Move the test into a namespace of its own; where that is not allowed the
 * test is skipped, and says why.
 */
void netns_enter(void);

/* Make a peer.  Returns: its process, which names its namespace. */
pid_t netns_peer(void);

/* End a peer and its namespace. */
void netns_peer_end(pid_t peer);

/* Run a shell command here or at a peer; its exit status must be 0. */
void netns_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void netns_peer_run(pid_t peer, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Send size bytes by TCP from one peer to another and compare them.
 * Returns: whether they arrived unchanged.
 */
bool netns_tcp(pid_t from, pid_t to, const char *to_addr, size_t size);

/*
 * Send n datagrams of size bytes by one system call, which leaves cutting them
 * to the device (udp(7), UDP_SEGMENT).
 * Returns: how many arrived unchanged within a second.
 */
unsigned int netns_udp_segments(
    pid_t from, pid_t to, const char *to_addr, unsigned int n, size_t size);

/* Send one frame as it is from a peer's interface. */
void netns_send_frame(
    pid_t peer, const char *dev, const void *frame, size_t len);

/* A started stack with all protocols and these many workers, forwarding. */
struct stack *netns_stack(unsigned int nworkers);

/* Up, with an address "10.0.0.1/24". */
void netns_configure(struct stack *st, netif_id id, const char *addr);

/* Wait until the interface has a carrier or has none; false: it took 5 s. */
bool netns_wait_running(struct stack *st, netif_id id, bool running);

/* Do the work of a control thread until the interface is gone, 5 s. */
bool netns_wait_gone(struct stack *st, netif_id id);

#endif /* TESTS_DRIVERS_NETNS_H */
