/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_SOURCE_H
#define STACK_ROUTE_SOURCE_H

/*
 * The routes that a FIB is compiled from: those of an open transaction, as they
 * would be if it committed now.  Of the candidates of a prefix it is the best
 * one's group.
 */

#include <stdint.h>

#include "stack/route/fib.h"

struct route_txn;

/*
 * A source over x.
 * Context: control thread holding the control mutex; never sleeps.
 * Owner:   the result is good until x ends; the routes are those of each call.
 */
struct fib_source route_source(struct route_txn *x);

#endif /* STACK_ROUTE_SOURCE_H */
