/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLE_IMPL_H
#define STACK_ROUTE_TABLE_IMPL_H

/* Shared by the files of this folder only. */

#include "libsync/radix_lf/radix_lf.h"
#include "stack/route/table.h"

/* [c] constant */
struct route_table {
	struct stack *stack;   /* [c] */
	struct radix_lf *tree; /* [c] of struct route */
	enum netif_af af;      /* [c] */
	unsigned int bits;     /* [c] of an address */
};

/* Free the route around head.  Context: nobody can reach it. */
void route_table_free(struct pserialize_head *head);

#endif /* STACK_ROUTE_TABLE_IMPL_H */
