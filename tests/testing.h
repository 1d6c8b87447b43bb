/* SPDX-License-Identifier: MIT */
/* testing -- cmocka with the headers that it wants before itself, in the order that it wants. */
#ifndef TESTS_TESTING_H
#define TESTS_TESTING_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
