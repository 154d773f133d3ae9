/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LIN_REPLAY_IMPL_H
#define TESTS_LIN_REPLAY_IMPL_H

/* What replay.c and replay_grace.c share. */

#include "tests/lin/replay.h"

/* The grace periods of the last history are over, a new one begins. */
void replay_grace_begin(enum replay_grace grace);

/* Is there no grace period that this reader would have held up? */
bool replay_grace_allows(const struct replay_run *run);

#endif /* TESTS_LIN_REPLAY_IMPL_H */
