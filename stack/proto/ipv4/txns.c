/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transactions of several tables that all commit or all abort.  What has been
 * prepared cannot fail, so all are prepared before the first commits.
 */

#include <errno.h>
#include <stdlib.h>

#include "stack/proto/ipv4/ipv4_impl.h"

int
ipv4_txns_begin(
    struct ipv4_txns *xs, struct route_table *t, struct route_txn **out)
{
	const size_t room = xs->room == 0 ? 4 : 2 * xs->room;
	struct route_txn **txn;
	int error;

	if (xs->n == xs->room) {
		txn = realloc((void *)xs->txn, room * sizeof(txn[0]));
		if (txn == NULL)
			return -ENOMEM;
		xs->txn = txn;
		xs->room = room;
	}
	error = route_txn_begin(t, out);
	if (error == 0)
		xs->txn[xs->n++] = *out;
	return error;
}

int
ipv4_txns_end(struct ipv4_txns *xs, int error)
{
	size_t i;

	for (i = 0; i < xs->n && error == 0; i++)
		error = route_txn_prepare(xs->txn[i]);
	for (i = 0; i < xs->n; i++) {
		if (error == 0)
			(void)route_txn_commit(xs->txn[i]);
		else
			route_txn_abort(xs->txn[i]);
	}
	free((void *)xs->txn);
	*xs = (struct ipv4_txns){.n = 0};
	return error;
}
