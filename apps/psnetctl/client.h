/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETCTL_CLIENT_H
#define APPS_PSNETCTL_CLIENT_H

/*
 * The client's side of the control protocol, docs/control-protocol.md.
 * Requests are queued and may be many before the first answer is taken.
 *
 * What waits for the other side gives up, with -ETIMEDOUT, when that has been
 * silent for the time that psnetctl_client_open() was given: nothing came, or
 * nothing was taken.  After any error but -ENOMEM the connection is of no more
 * use, as an answer that comes late would be taken for one to what is asked
 * next.
 *
 * Context: the program's only thread; blocks.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct psnetctl_client {
	int fd; /* -1: not connected */
	char *out, *in;
	size_t out_len, out_room;
	size_t in_at, in_len, in_room;
};

/*
 * Connect; silence_ms is how long to put up with silence, 0: for ever.
 * Returns: 0, -ETIMEDOUT, or a negative errno of socket(2) and connect(2).
 */
int psnetctl_client_open(
    struct psnetctl_client *c, const char *path, uint64_t silence_ms);

/* Wait for ever for what comes from now on: it may come at any time. */
int psnetctl_client_listen(struct psnetctl_client *c);

void psnetctl_client_close(struct psnetctl_client *c);

/*
 * Queue a request; args (may be NULL) is taken.
 * Returns: 0 or -ENOMEM, or as psnetctl_client_flush().
 */
int psnetctl_client_queue(
    struct psnetctl_client *c, json_int_t id, const char *cmd, json_t *args);

/*
 * Send what is queued; the first byte carries the descriptor passed (-1: none).
 * Returns: 0, -ETIMEDOUT, or a negative errno of sendmsg(2).
 */
int psnetctl_client_flush(struct psnetctl_client *c, int passed);

/*
 * Take the next message, waiting for it.
 * Returns: 0, -ECONNRESET at the end of the connection, -EPROTO if it is not
 *          a JSON object, -ETIMEDOUT, -ENOMEM, or a negative errno of read(2).
 * Owner:   *out is the caller's.
 */
int psnetctl_client_receive(struct psnetctl_client *c, json_t **out);

/* Is a whole message here already? */
int psnetctl_client_has_message(const struct psnetctl_client *c);

/* Read once, without interpreting.  Returns: as psnetctl_client_receive(). */
int psnetctl_client_fill(struct psnetctl_client *c);

#endif /* APPS_PSNETCTL_CLIENT_H */
