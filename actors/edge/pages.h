/* SPDX-License-Identifier: MIT */
/* pages -- the texts that the edge serves about itself. They stand alone: nothing is fetched from elsewhere. */
#ifndef ACTORS_EDGE_PAGES_H
#define ACTORS_EDGE_PAGES_H

extern const char pages_root[];
extern const char pages_docs[];
extern const char pages_openapi[]; /* OpenAPI 3.1 */

#endif
