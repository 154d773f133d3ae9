/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_PAUSE_H
#define TESTS_WSIM_PAUSE_H

/*
 * Included before code under test (-include): the instruction that x86 has for
 * loops that wait lets others run.
 */

void wsim_yield(void);

#define __builtin_ia32_pause() wsim_yield()

#endif /* TESTS_WSIM_PAUSE_H */
