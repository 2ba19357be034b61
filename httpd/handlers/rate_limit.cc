#include "httpd/handlers/rate_limit.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

// How many buckets a client may have its one in.
constexpr size_t kWays = 8;
static_assert(RateLimitHandler::kBuckets % kWays == 0);

}  // namespace

absl::StatusOr<std::unique_ptr<RateLimitHandler>> RateLimitHandler::Create(
    Reactor& reactor, std::unique_ptr<Handler> inner, const Options& options) {
  // Longer than that, somebody means something else.
  constexpr absl::Duration kLongest = absl::Hours(24 * 366);
  if (options.interval < absl::Nanoseconds(1) || options.burst_requests < 1 ||
      options.interval > kLongest ||
      options.interval * options.burst_requests > kLongest) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no limit: a request each ", absl::FormatDuration(options.interval),
        ", ", options.burst_requests, " at once"));
  }
  return absl::WrapUnique(
      new RateLimitHandler(reactor, std::move(inner), options));
}

RateLimitHandler::RateLimitHandler(Reactor& reactor,
                                   std::unique_ptr<Handler> inner,
                                   const Options& options)
    : reactor_(reactor),
      inner_(std::move(inner)),
      options_(options),
      max_lack_(options.interval * (options.burst_requests - 1)),
      buckets_(options.scope == Scope::kAllClients ? 1 : kBuckets) {}

RateLimitHandler::Bucket& RateLimitHandler::BucketOf(
    const ClientAddress& client) {
  const size_t set = absl::HashOf(client) % (kBuckets / kWays) * kWays;
  Bucket* fullest = &buckets_[set];
  for (size_t i = set; i < set + kWays; ++i) {
    if (buckets_[i].client == client) return buckets_[i];
    if (buckets_[i].full_at < fullest->full_at) fullest = &buckets_[i];
  }
  *fullest = {.client = client, .full_at = reactor_.Now()};
  return *fullest;
}

absl::Duration RateLimitHandler::TakeToken(Bucket& bucket) {
  const MonotonicTime now = reactor_.Now();
  const MonotonicTime full_at = std::max(bucket.full_at, now);
  const absl::Duration lack = full_at - now;
  if (lack > max_lack_) return lack - max_lack_;
  bucket.full_at = full_at + options_.interval;
  return absl::ZeroDuration();
}

void RateLimitHandler::Handle(const Request& request, Responder responder) {
  absl::Duration wait;
  if (options_.scope == Scope::kAllClients) {
    wait = TakeToken(buckets_.front());
  } else if (request.client().is_known()) {
    wait = TakeToken(BucketOf(request.client().Network()));
  }
  if (wait == absl::ZeroDuration()) {
    return inner_->Handle(request, std::move(responder));
  }
  const int64_t seconds =
      absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1)));
  responder.AddField("Retry-After", absl::AlphaNum(seconds).Piece());
  std::move(responder).SendStatus(429);
}

}  // namespace pollux
