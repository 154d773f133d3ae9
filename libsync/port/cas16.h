/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_CAS16_H
#define LIBSYNC_PORT_CAS16_H

/*
 * Compare-and-swap of a struct sync_pair, by the host:
 *
 *   sync_cas16_acq_rel(pair, expect, want)
 *           as sync_cas_acq_rel of libsync/base/atomic.h: *expect gets the
 *           value found on failure, which is a snapshot of both halves, and
 *           the failure order is acquire
 *   sync_pair_store_release(pair, want)
 *           two release stores, first of hi, then of lo; an exchange by
 *           another thread comes before, after or between them
 *   PORT_CAS16_LOCKED
 *           defined where the processor has no such instruction: the pair is
 *           exchanged under a spin lock that is picked by its address, and
 *           what the callers say of their progress holds no more; lo changes
 *           before hi, so either every exchange changes hi, or loads begin
 *           with hi
 *
 * PORT_CAS16_FORCE_LOCKED, for tests, asks for the latter.
 */
#include "libsync/port/user/cas16.h"

#endif /* LIBSYNC_PORT_CAS16_H */
