#include "httpd/handlers/rate_limit.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/log/check.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

// How many buckets a client may have its one in.
constexpr size_t kWays = 8;
static_assert(RateLimit::kBuckets % kWays == 0);

}  // namespace

absl::StatusOr<std::unique_ptr<RateLimit>> RateLimit::Create(
    const Options& options) {
  // Longer than that, somebody means something else.
  constexpr absl::Duration kLongest = absl::Hours(24 * 366);
  if (options.interval < absl::Nanoseconds(1) || options.burst_requests < 1 ||
      options.interval > kLongest ||
      options.interval * options.burst_requests > kLongest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no limit: a request each ", absl::FormatDuration(options.interval),
        ", ", options.burst_requests, " at once"));
  }
  return absl::WrapUnique(new RateLimit(options));
}

RateLimit::RateLimit(const Options& options)
    : options_(options),
      max_lack_(options.interval * (options.burst_requests - 1)),
      buckets_(options.scope == Scope::kAllClients ? 1 : kBuckets) {}

RateLimit::Bucket& RateLimit::BucketOf(const ClientAddress& client,
                                       MonotonicTime now) {
  const size_t set = absl::HashOf(client) % (kBuckets / kWays) * kWays;
  Bucket* fullest = &buckets_[set];
  for (size_t i = set; i < set + kWays; ++i) {
    if (buckets_[i].client == client) return buckets_[i];
    if (buckets_[i].full_at < fullest->full_at) fullest = &buckets_[i];
  }
  *fullest = {.client = client, .full_at = now};
  return *fullest;
}

absl::Duration RateLimit::TakeTokenFrom(Bucket& bucket, MonotonicTime now) {
  const MonotonicTime full_at = std::max(bucket.full_at, now);
  const absl::Duration lack = full_at - now;
  if (lack > max_lack_) return lack - max_lack_;
  bucket.full_at = full_at + options_.interval;
  return absl::ZeroDuration();
}

absl::Duration RateLimit::TakeToken(MonotonicTime now) {
  CHECK(options_.scope == Scope::kAllClients);
  const absl::MutexLock lock(&mutex_);
  return TakeTokenFrom(buckets_.front(), now);
}

absl::Duration RateLimit::TakeTokenOf(const ClientAddress& client,
                                      MonotonicTime now) {
  CHECK(options_.scope == Scope::kEachClient);
  if (!client.is_known()) return absl::ZeroDuration();
  const ClientAddress network = client.Network();
  const absl::MutexLock lock(&mutex_);
  return TakeTokenFrom(BucketOf(network, now), now);
}

void RateLimitHandler::Handle(const Request& request, Responder responder) {
  const MonotonicTime now = reactor_.Now();
  // Who the client is costs a system call: it is asked for if need be.
  const absl::Duration wait = limit_.scope() == RateLimit::Scope::kAllClients
                                  ? limit_.TakeToken(now)
                                  : limit_.TakeTokenOf(request.client(), now);
  if (wait == absl::ZeroDuration()) {
    return inner_->Handle(request, std::move(responder));
  }
  const int64_t seconds =
      absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1)));
  responder.AddField("Retry-After", absl::AlphaNum(seconds).Piece());
  std::move(responder).SendStatus(429);
}

}  // namespace pollux
