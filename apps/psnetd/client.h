/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_CLIENT_H
#define APPS_PSNETD_CLIENT_H

/*
 * One connection: newline-delimited JSON both ways, docs/control-protocol.md.
 *
 * Nothing here waits for a client.  Output is queued; above a high-water mark
 * a client's requests are not read, its long answer pauses, and its events are
 * counted as lost.  A dead client is only marked, and freed between two turns
 * of the event loop.
 *
 * Context: control thread.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/psnetd/loop.h"
#include "apps/words.h"

struct psnetd;
struct psnetd_dump;
struct psnetd_load;
struct psnetd_verify;

#define PSNETD_CLIENT_VERSION     1
#define PSNETD_CLIENT_REQUEST_MAX 65536
#define PSNETD_CLIENT_HIGH_WATER  (256u << 10)
#define PSNETD_CLIENT_OUTPUT_MAX  (64u << 20)
#define PSNETD_CLIENTS_MAX        64

struct psnetd_client {
	struct psnetd_source src; /* first: the loop hands it back */
	struct psnetd *d;
	struct psnetd_client *next;
	char *in, *out;
	size_t in_len, out_at, out_len, out_room;
	int passed; /* a descriptor received and not used yet, or -1 */
	bool dead;
	bool eof;     /* it will send no more */
	bool waiting; /* its next request waits for a commit to end */
	struct psnetd_dump *dump;     /* a long answer in progress */
	struct psnetd_load *load;     /* its load in progress; d owns it */
	struct psnetd_verify *verify; /* its verification; d owns it */
	json_int_t long_id;           /* request of these */
	unsigned int monitor;         /* 1 << enum event_kind */
	json_int_t monitor_id;
	uint64_t lost; /* events not told yet that they were lost */
};

/* A request that a command works on. */
struct psnetd_request {
	struct psnetd *d;
	struct psnetd_client *c;
	json_int_t id;
	json_t *args;         /* an object */
	json_t *result;       /* out; NULL: null */
	struct words_error e; /* out on failure */
	bool later;           /* out: the answer comes by itself */
};

/*
 * Take over a connected, non-blocking socket.
 * Returns: 0 or a negative errno; fd is closed then.
 */
int psnetd_client_create(struct psnetd *d, int fd);

/* Free those that are marked dead; all of them with all. */
void psnetd_client_reap(struct psnetd *d, bool all);

/* Let those go on that waited for a commit to end. */
void psnetd_client_resume(struct psnetd *d);

/* Queue one message; takes the reference.  A NULL message kills the client. */
void psnetd_client_send(struct psnetd_client *c, json_t *msg);

/*
 * The final answer to a request: a result (taken; NULL: null), or an error
 * with, if line is not 0, the line of the client's file.
 */
void psnetd_client_reply(
    struct psnetd_client *c, json_int_t id, json_t *result);
void psnetd_client_fail(struct psnetd_client *c, json_int_t id, int rc,
    const struct words_error *e, unsigned int line);

/* Bytes that wait to be sent. */
size_t psnetd_client_pending(const struct psnetd_client *c);

/* An answer in progress ended; go on with the next request. */
void psnetd_client_continue(struct psnetd_client *c);

#endif /* APPS_PSNETD_CLIENT_H */
