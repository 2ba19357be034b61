// Counts what the program takes from the heap.
#ifndef POLLUX_TESTING_ALLOCATION_COUNTER_H_
#define POLLUX_TESTING_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace pollux {

// Heap allocations of the calling thread: a program that links this target has
// operator new and delete counted, and the memory that it frees is overwritten,
// so that a use after free does not go unnoticed. Works under the sanitizers
// too, which find such uses themselves. The one piece of state that a thread
// has to itself.
struct AllocationCounts {
  // Since the thread began.
  uint64_t allocations = 0;
  uint64_t deallocations = 0;

  // What is still allocated, if the thread frees what it allocates itself.
  int64_t live() const {
    return static_cast<int64_t>(allocations - deallocations);
  }
};

AllocationCounts CountAllocations();

}  // namespace pollux

#endif  // POLLUX_TESTING_ALLOCATION_COUNTER_H_
