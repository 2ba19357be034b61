// What is sent without a copy, and who lends it.
#ifndef POLLUX_REACTOR_NET_LEASE_H_
#define POLLUX_REACTOR_NET_LEASE_H_

#include <utility>

namespace pollux {

// Owns what streams send without a copy, such as the entry of a cache: its
// bytes, or its open file. One thread. It may go when every Lease of it is
// over, which a count tells.
class Lender {
 public:
  // One of its leases is over: what it covered is not looked at any more,
  // whether it was sent or the stream ended before. Called once for each, from
  // inside of the stream, so it must not call that stream.
  virtual void OnReturned() = 0;

 protected:
  ~Lender() = default;
};

// The right to look at something of a lender's: returned when destroyed.
// Move-only. A default one is for what outlives every stream, a constant.
class [[nodiscard]] Lease {
 public:
  Lease() = default;
  explicit Lease(Lender& lender) : lender_(&lender) {}
  Lease(Lease&& other) noexcept
      : lender_(std::exchange(other.lender_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(lender_, other.lender_);
    return *this;
  }
  ~Lease() {
    if (lender_ != nullptr) lender_->OnReturned();
  }

 private:
  Lender* lender_ = nullptr;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_LEASE_H_
