/* SPDX-License-Identifier: MIT */
/*
 * listener -- sockets on which connections come in from outside, held by the launcher so that they outlive a node.
 *
 * The launcher opens each address that an option `listen` or `..._listen` of its topology names, before it starts the
 * first node that listens there, and hands the open socket to every node that does (SHUNT_LISTENERS in its
 * environment). All of them accept from one queue of the kernel's. So a connection that knocks while a node drains, is
 * restarted or has just been killed is taken by another node, or waits for this one; it is neither refused nor reset. A
 * socket of each node's own beside the others' (SO_REUSEPORT) would not do: what waits in its queue is reset when it is
 * closed.
 */
#ifndef RUNTIME_LISTENER_H
#define RUNTIME_LISTENER_H

#include <stddef.h>

/* The most bytes of the variable that hands sockets on: "ADDRESS=FD ADDRESS=FD ...". */
enum { LISTENERS_TEXT_LIMIT = 4096 };
#define LISTENERS_VARIABLE "SHUNT_LISTENERS"

/* Listens on "127.0.0.1:8080", "[::1]:8080" or "*:8080" (port 0: any); non-blocking, closed on exec. -1 after writing
 * one sentence to `why`, with `errno`. */
int listener_open(const char *address, char *why, size_t why_size);

/* The caller's own descriptor of the socket that was handed to this process for that address; a newly opened one when
 * there is none. -1 after writing one sentence to `why`, with `errno`. */
int listener_take(const char *address, char *why, size_t why_size);

#endif
