#include "CProcessArguments.h"

#include <features.h>

#ifndef __GLIBC__
#error "Only glibc passes argc and argv to constructors."
#endif

static int count;
static char **values;

// glibc calls the constructors of a program with main()'s arguments, in a static program too
// (csu/libc-start.c: call_init()). Those of an LD_PRELOAD library run before this one; whatever they do
// to the environment, they do not move argv.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    count = argc;
    values = argv;
}

int process_argument_count(void) { return count; }

const char *process_argument(int index) { return values[index]; }
