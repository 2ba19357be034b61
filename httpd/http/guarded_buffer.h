// Memory that ends where a page begins that nobody may read.
#ifndef POLLUX_HTTPD_HTTP_GUARDED_BUFFER_H_
#define POLLUX_HTTPD_HTTP_GUARDED_BUFFER_H_

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/string_view.h"

namespace pollux::http {

// Shows bytes to a parser as a connection's buffer does at its worst: flush
// against an unreadable page, so that reading one byte too many crashes without
// any sanitizer, and somewhere else each time, so that a view or an address
// kept from the last call is noticed. For tests; owned by one of them.
class GuardedBuffer {
 public:
  // Dies if there is no memory.
  explicit GuardedBuffer(size_t capacity_bytes) {
    const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    readable_bytes_ =
        (capacity_bytes + page_bytes - 1) / page_bytes * page_bytes;
    mapped_bytes_ = readable_bytes_ + page_bytes;
    for (Place& place : places_) {
      void* const memory =
          mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0);
      if (memory == MAP_FAILED) abort();
      place.memory = static_cast<char*>(memory);
      if (mprotect(end(place), page_bytes, PROT_NONE) != 0) abort();
    }
  }

  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  ~GuardedBuffer() {
    for (const Place& place : places_) munmap(place.memory, mapped_bytes_);
  }

  // A copy of `bytes`, at most the capacity, that lives until the next call;
  // that call overwrites it.
  absl::string_view Show(absl::string_view bytes) {
    if (bytes.size() > readable_bytes_) abort();
    Place& old = places_[turn_];
    turn_ = 1 - turn_;
    Place& place = places_[turn_];
    place.used_bytes = bytes.size();
    char* const start = end(place) - bytes.size();
    if (!bytes.empty()) memcpy(start, bytes.data(), bytes.size());
    memset(end(old) - old.used_bytes, '\0', old.used_bytes);
    return absl::string_view(start, bytes.size());
  }

 private:
  struct Place {
    char* memory = nullptr;
    size_t used_bytes = 0;
  };

  char* end(const Place& place) const { return place.memory + readable_bytes_; }

  size_t readable_bytes_ = 0;
  size_t mapped_bytes_ = 0;
  std::array<Place, 2> places_;
  size_t turn_ = 0;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_GUARDED_BUFFER_H_
