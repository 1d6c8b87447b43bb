/* SPDX-License-Identifier: MIT */
/*
 * notify -- tells systemd how far `shunt up` is, when systemd started it (Type=notify): a datagram to the socket that
 * NOTIFY_SOCKET names, as in sd_notify(3). Without that variable nothing happens. The variable is ours alone: Postgres,
 * started with it, would say that all is ready as soon as it is.
 */
#ifndef ACTORS_COMMAND_NOTIFY_H
#define ACTORS_COMMAND_NOTIFY_H

/* Takes the variable out of the environment; before anything is started. */
void notify_open(void);
/* "READY=1", "STOPPING=1" */
void notify_tell(const char *state);

#endif
