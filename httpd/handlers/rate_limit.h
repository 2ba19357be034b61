// Lets through only so many requests.
#ifndef POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_
#define POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "httpd/server/client_address.h"
#include "httpd/server/handler.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"

namespace pollux {

// A token bucket for each client, or one for all, out of which every request
// takes a token.
//
// A client is a network (ClientAddress::Network()); those that come through
// unix sockets are not told apart, and not limited one by one. There are
// kBuckets of them, whatever comes: a client that is new takes, of the few that
// it may take, the fullest, since least is forgiven with that. So somebody with
// very many networks can make the limit of others generous, never strict.
//
// Owned by whoever owns the handlers that ask it, on one thread or several: any
// may call it, also from callbacks; a lock is held while one bucket is looked
// up. Fails at nothing once it is made; allocates nothing.
class RateLimit final {
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

  // InvalidArgument if the options make no limit.
  static absl::StatusOr<std::unique_ptr<RateLimit>> Create(
      const Options& options);
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  Scope scope() const { return options_.scope; }

  // How long until there is a token; if it is there, takes it. `now` is
  // Reactor::Now(): that of another thread may be a little behind.
  //
  // Out of the one bucket for all. Scope::kAllClients only.
  absl::Duration TakeToken(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Out of the client's own. Scope::kEachClient only.
  absl::Duration TakeTokenOf(const ClientAddress& client, MonotonicTime now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // How many tokens are in it follows from when it will be full, so that
  // nothing has to be filled while time passes.
  struct Bucket {
    ClientAddress client;
    MonotonicTime full_at;
  };

  explicit RateLimit(const Options& options);

  absl::Duration TakeTokenFrom(Bucket& bucket, MonotonicTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Bucket& BucketOf(const ClientAddress& client, MonotonicTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  // What a bucket with one token lacks.
  const absl::Duration max_lack_;
  absl::Mutex mutex_;
  // A client's are kWays next to each other, or the one for all.
  std::vector<Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

// Wraps another handler: asks a RateLimit about every request. Where no token
// is left the request gets 429 (Too Many Requests), and Retry-After says when
// there will be one.
//
// Owned by its router; reactor's thread. The limit may be other handlers' too,
// on other threads. Fails at nothing; allocates nothing.
class RateLimitHandler final : public Handler {
 public:
  // `reactor` and `limit` must outlive it.
  RateLimitHandler(Reactor& reactor, std::unique_ptr<Handler> inner,
                   RateLimit& limit)
      : reactor_(reactor), inner_(std::move(inner)), limit_(limit) {}

  void Handle(const Request& request, Responder responder) override;

 private:
  Reactor& reactor_;
  const std::unique_ptr<Handler> inner_;
  RateLimit& limit_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_RATE_LIMIT_H_
