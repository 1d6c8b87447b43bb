/* SPDX-License-Identifier: MIT */
/* main -- the program: every verb of the command line, and every node. */
#include "actors/command/command.h"

int main(int count, char **arguments)
{
    return command_main(count, arguments);
}
