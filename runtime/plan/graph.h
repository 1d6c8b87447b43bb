/* SPDX-License-Identifier: MIT */
/*
 * graph -- draws a topology: nodes as boxes with their actors in them, routes as arrows, stores as cylinders.
 *
 * An arrow from an actor to a kind that many nodes host goes to each of them. Stores are linked with the actors that
 * have an option naming them, and replicas with their primaries.
 */
#ifndef RUNTIME_PLAN_GRAPH_H
#define RUNTIME_PLAN_GRAPH_H

#include <stdio.h>

#include "runtime/plan/topology.h"

/* In the language of Graphviz' dot. */
void graph_dot(const struct topology *topology, FILE *to);
/* In the language of Mermaid, which many forges draw in their pages. */
void graph_mermaid(const struct topology *topology, FILE *to);

#endif
