/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_SERVER_H
#define APPS_PSNETD_SERVER_H

/*
 * The listening socket of the control protocol.
 *
 * Context: control thread.
 */

struct psnetd;

/*
 * Listen on d->socket_path, mode 0660; a socket that nobody listens on any
 * more is taken over.
 * Returns: 0, -EADDRINUSE if another daemon has it, -ENAMETOOLONG, or a
 *          negative errno of the system calls.
 */
int psnetd_server_start(struct psnetd *d);

/* Close and remove the socket, and end every client. */
void psnetd_server_stop(struct psnetd *d);

#endif /* APPS_PSNETD_SERVER_H */
