// The arguments as the C library gives them to constructors: see System/Processes.swift.
#ifndef CPROCESSARGUMENTS_H
#define CPROCESSARGUMENTS_H

/// The number of arguments, the program's name included; 0 where the caller of execve() gave none.
int process_argument_count(void);

/// The argument at an index from 0 to the count - 1. It ends with NUL and lives as long as the
/// process.
const char *process_argument(int index);

#endif
