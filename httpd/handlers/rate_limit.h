// Lets through only so many requests.
#ifndef POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_
#define POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "httpd/server/client_address.h"
#include "httpd/server/handler.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"

namespace pollux {

// Wraps another handler: a token bucket for each client, or one for all, out of
// which every request takes a token. Where none is left the request gets 429
// (Too Many Requests), and Retry-After says when there will be one.
//
// A client is a network (ClientAddress::Network()); those that come through
// unix sockets are not told apart, and not limited one by one. There are
// kBuckets of them, whatever comes: a client that is new takes, of the few that
// it may take, the fullest, since least is forgiven with that. So somebody with
// very many networks can make the limit of others generous, never strict.
//
// Owned by its router; reactor's thread. Fails at nothing; allocates nothing.
class RateLimitHandler final : public Handler {
 public:
  static constexpr size_t kBuckets = 16384;

  enum class Scope : uint8_t { kEachClient, kAllClients };

  struct Options {
    Scope scope = Scope::kEachClient;
    // A token comes as often.
    absl::Duration interval = absl::Milliseconds(100);
    // Tokens in a full bucket: so many requests may come at once. At least 1.
    int64_t burst_requests = 20;
  };

  // InvalidArgument if the options make no limit. `reactor` must outlive it.
  static absl::StatusOr<std::unique_ptr<RateLimitHandler>> Create(
      Reactor& reactor, std::unique_ptr<Handler> inner, const Options& options);

  void Handle(const Request& request, Responder responder) override;

 private:
  // How many tokens are in it follows from when it will be full, so that
  // nothing has to be filled while time passes.
  struct Bucket {
    ClientAddress client;
    MonotonicTime full_at;
  };

  RateLimitHandler(Reactor& reactor, std::unique_ptr<Handler> inner,
                   const Options& options);

  // How long until there is a token; if it is there, takes it.
  absl::Duration TakeToken(Bucket& bucket);
  Bucket& BucketOf(const ClientAddress& client);

  Reactor& reactor_;
  const std::unique_ptr<Handler> inner_;
  const Options options_;
  // What a bucket with one token lacks.
  const absl::Duration max_lack_;
  // A client's are kWays next to each other, or the one for all.
  std::vector<Bucket> buckets_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_
