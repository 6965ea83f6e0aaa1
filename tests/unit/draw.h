/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks by chance, of every kind and at the edges of what they may hold; the same ones in each
 * run. One thread.
 */
#ifndef WAYMARK_TESTS_DRAW_H
#define WAYMARK_TESTS_DRAW_H

#include <stdint.h>

#include "core/mark.h"

/* 0 .. below - 1. */
unsigned int draw(unsigned int below);

/* As many small ones as large ones. */
uint64_t draw_number(void);

/* All octets of both that are not used are zero. Texts are of any octets but NUL. */
struct mark draw_mark(void);
struct removal draw_removal(void);

#endif
