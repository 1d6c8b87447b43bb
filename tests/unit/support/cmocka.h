/* SPDX-License-Identifier: MIT */
/* cmocka's header wants these four before it, whatever the order of the alphabet. */
#ifndef TESTS_UNIT_SUPPORT_CMOCKA_H
#define TESTS_UNIT_SUPPORT_CMOCKA_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
