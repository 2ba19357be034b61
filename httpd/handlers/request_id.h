// Gives each request a name.
#ifndef POLLUX_HTTPD_HANDLERS_REQUEST_ID_H_
#define POLLUX_HTTPD_HANDLERS_REQUEST_ID_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/random/random.h"
#include "httpd/server/handler.h"

namespace pollux {

// Wraps another handler: names each request by its X-Request-Id, if that is 1
// to kMaxIdBytes letters, digits or ".-_=+/~:@", as the proxies and libraries
// in use write them; else by 128 random bits in hexadecimal. The other handler
// is told (Request::id()), and so are the client and the access log.
//
// Owned by its router; one thread. Fails at nothing; allocates nothing.
class RequestIdHandler final : public Handler {
 public:
  static constexpr size_t kMaxIdBytes = 128;

  // So many that two ids are never the same; that nobody can foretell them is
  // not promised.
  using RandomBits = absl::AnyInvocable<uint64_t()>;

  explicit RequestIdHandler(std::unique_ptr<Handler> inner,
                            RandomBits random_bits = absl::BitGen())
      : inner_(std::move(inner)), random_bits_(std::move(random_bits)) {}

  void Handle(const Request& request, Responder responder) override;

 private:
  const std::unique_ptr<Handler> inner_;
  RandomBits random_bits_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_REQUEST_ID_H_
