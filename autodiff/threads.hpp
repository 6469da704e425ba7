// How many threads the library uses, and what threads of yours may share.
//
// Different tapes, and variables recorded on them, may be used in different threads at once; one tape, what is recorded
// on it, and one program belong to one thread at a time. Variables off any tape may be read by any number of threads,
// and so may arrays. Parallel loops run one at a time in a process: a thread that finds the library's threads at work
// computes alone.
//
// Results are the same bits for any number of threads. They are not the same from one build to another: another
// instruction set, compiler or version of a library for matrix products rounds otherwise.
//
// After fork() the child starts threads of its own at its first parallel loop; the parent keeps its own. What another
// thread was changing at that moment, such as its tape, is of no use in the child.
#pragma once

namespace autodiff {

/// Sets how many threads an operation may use, and a program that is compiled from now on where its options do not say;
/// more than 256 count as 256. Until then they are as many as the environment variable AUTODIFF_NUM_THREADS says, else
/// OMP_NUM_THREADS (the first number of a list), else as many as the affinity mask of the process and the quotas of its
/// control groups allow, rounded up; this is found out once, when it is first needed. What is no whole number from 1
/// upwards in a variable is passed over. May be called while other threads compute. Throws ValueError for less than 1.
void set_threads(int count);

/// How many threads an operation called here and now may use: 1 inside of one that already runs on several.
int threads();

}  // namespace autodiff
