#include "testing/allocation_counter.h"

#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace pollux {
namespace {

thread_local AllocationCounts counts;

void* Allocate(size_t size) {
  ++counts.allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

void* AllocateAligned(size_t size, std::align_val_t alignment) {
  ++counts.allocations;
  const auto align = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(align, (size + align - 1) / align * align);
  if (memory == nullptr) std::abort();
  return memory;
}

// Makes a use after free, for example by a callback that destroyed its own
// object, fail at once and in every run: 0xdd is part of no address, small
// number or text.
void Poison([[maybe_unused]] void* memory) {
#ifndef __SANITIZE_ADDRESS__
  constexpr int kGone = 0xdd;
  std::memset(memory, kGone, ::malloc_usable_size(memory));
#endif
}

void Free(void* memory) {
  if (memory == nullptr) return;
  ++counts.deallocations;
  Poison(memory);
  std::free(memory);
}

}  // namespace

AllocationCounts CountAllocations() { return counts; }

}  // namespace pollux

void* operator new(size_t size) { return pollux::Allocate(size); }
void* operator new[](size_t size) { return pollux::Allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) {
  return pollux::AllocateAligned(size, alignment);
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return pollux::AllocateAligned(size, alignment);
}
void operator delete(void* memory) noexcept { pollux::Free(memory); }
void operator delete[](void* memory) noexcept { pollux::Free(memory); }
void operator delete(void* memory, size_t) noexcept { pollux::Free(memory); }
void operator delete[](void* memory, size_t) noexcept { pollux::Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  pollux::Free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  pollux::Free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  pollux::Free(memory);
}
void operator delete[](void* memory, size_t, std::align_val_t) noexcept {
  pollux::Free(memory);
}
