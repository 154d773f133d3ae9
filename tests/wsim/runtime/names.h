/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_RUNTIME_NAMES_H
#define TESTS_WSIM_RUNTIME_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Read the program's own symbols.  Without them names are numbers. */
void wsim_names_load(void);

/* Write what is at address a into buf: variable, heap block, stack. */
void wsim_name_of(uintptr_t a, char *buf, size_t size);

/* Look up where in the source the n return addresses are, for the next. */
void wsim_places_load(void *const pc[], unsigned n);

/* Returns: "function at file:line", or "". */
const char *wsim_place_of(const void *pc);

#endif /* TESTS_WSIM_RUNTIME_NAMES_H */
