/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_VERSION_H
#define APPS_VERSION_H

/* PSNET_VERSION comes from the project's build. */
#ifndef PSNET_VERSION
#define PSNET_VERSION "unversioned"
#endif

#define APPS_VERSION PSNET_VERSION

#endif /* APPS_VERSION_H */
