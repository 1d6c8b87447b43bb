/* SPDX-License-Identifier: MIT */
/* one_way_proxy -- a process between two tcp ends that can lose what goes in one direction, with every connection open.
 */
#ifndef TESTS_UNIT_SUPPORT_ONE_WAY_PROXY_H
#define TESTS_UNIT_SUPPORT_ONE_WAY_PROXY_H

#include <sys/types.h>

/* Forwards `count` ports of 127.0.0.1 that begin at `from` to those that begin at `to`. */
pid_t proxy_start(int from, int to, int count);
/* From now on what those who connected send is lost; what they are sent still comes. And the end of that. */
void proxy_cut(pid_t proxy);
void proxy_mend(pid_t proxy);

#endif
