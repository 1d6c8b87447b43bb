/* SPDX-License-Identifier: MIT */
/*
 * exposition -- metrics in Prometheus' text format. Name, HELP and TYPE come from the rows that declare the metric;
 * labels `node` and `actor` are added. https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef RUNTIME_WATCH_EXPOSITION_H
#define RUNTIME_WATCH_EXPOSITION_H

#include "proto/buffer.h"
#include "runtime/actor.h"
#include "runtime/exposition.h"

/* Appends the actor's own rows, those that every actor has, and its dependencies' breakers. On the actor's thread.
 * Families may repeat from actor to actor: exposition_merge puts them together. */
void exposition_of_actor(const struct actor *actor, struct buffer *out);
/* Appends one line of a family with its HELP and TYPE, for figures that are not an actor's. */
void exposition_line(
    struct buffer *out, const char *name, const char *type, const char *help, const char *labels, double value);
#endif
