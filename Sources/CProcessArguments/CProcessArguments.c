#define _GNU_SOURCE // environ
#include "CProcessArguments.h"

#include <stddef.h>
#include <unistd.h>

#ifndef __GLIBC__
#error "Only glibc passes argc and argv to constructors."
#endif

static int count;
static char **values;
static char *no_variables[] = {NULL};

// glibc calls the constructors of a program with main()'s arguments, in a static program too
// (csu/libc-start.c: call_init()). Those of an LD_PRELOAD library run before this one; whatever
// they do to the environment, they do not move argv. 101: before the constructors of Swift's
// runtime, which reads the environment and does not expect the null pointer that clearenv() leaves.
__attribute__((constructor(101))) static void keep_arguments(int argc, char **argv) {
    count = argc;
    values = argv;
    if (environ == NULL) environ = no_variables;
}

int process_argument_count(void) { return count; }

const char *process_argument(int index) { return values[index]; }
