// An open descriptor, owned.
#ifndef POLLUX_REACTOR_DESCRIPTOR_H_
#define POLLUX_REACTOR_DESCRIPTOR_H_

#include <utility>

#include "reactor/kernel.h"

namespace pollux {

// Owns a descriptor of any kind, and closes it through the kernel that gave it
// out. Move-only; a default one owns nothing. Not thread-safe, but may move
// between threads. The kernel must outlive it. Nothing fails.
class [[nodiscard]] Descriptor {
 public:
  Descriptor() = default;
  // Takes over `number`, which must be open.
  Descriptor(Kernel& kernel, int number) : kernel_(&kernel), number_(number) {}
  Descriptor(Descriptor&& other) noexcept
      : kernel_(other.kernel_), number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this == &other) return *this;
    Close();
    kernel_ = other.kernel_;
    number_ = other.Release();
    return *this;
  }
  ~Descriptor() { Close(); }

  bool is_open() const { return number_ >= 0; }

  // As the kernel knows it; -1 if it owns nothing.
  int number() const { return number_; }

  // Only if it was made with one.
  Kernel& kernel() const { return *kernel_; }

  // Gives it up unclosed.
  int Release() { return std::exchange(number_, -1); }

  // Idempotent. What close says changes nothing: the number is free (close(2)).
  void Close() {
    if (is_open()) (void)kernel_->Close(Release());
  }

 private:
  Kernel* kernel_ = nullptr;
  int number_ = -1;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_DESCRIPTOR_H_
