#include "reactor/net/connector.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

// Between two tries at a full backlog; the first comes sooner.
constexpr absl::Duration kMaxRetryInterval = absl::Milliseconds(100);

}  // namespace

Connector::Connector(Reactor& reactor, const Address& address,
                     const Options& options, OnDone on_done)
    : reactor_(reactor),
      address_(address),
      options_(options),
      on_done_(std::move(on_done)),
      deadline_(reactor,
                [this] {
                  Tell(absl::DeadlineExceededError(absl::StrCat(
                      "connect to ", address_.ToString(), ": no answer in ",
                      absl::FormatDuration(options_.timeout))));
                }),
      next_step_(reactor, [this] {
        result_ ? Tell(*std::exchange(result_, std::nullopt)) : Try();
      }) {
  CHECK_GT(options.timeout, absl::ZeroDuration());
  deadline_.ArmAfter(options_.timeout);
  if (absl::Status status = Open(); !status.ok()) {
    TellLater(std::move(status));
  } else {
    Try();
  }
}

// Out of epoll before the socket is closed.
Connector::~Connector() { registration_.Reset(); }

absl::Status Connector::Open() {
  Kernel& kernel = reactor_.kernel();
  const SysResult opened = kernel.Socket(
      address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!opened.ok()) {
    return opened.ToStatus(
        absl::StrCat("socket to connect to ", address_.ToString()));
  }
  socket_ = Socket(kernel, opened.descriptor());
  if (!options_.local_address) return absl::OkStatus();
  const Address& local = *options_.local_address;
  return kernel.Bind(socket_.descriptor(), local.data(), local.length())
      .ToStatus(absl::StrCat("bind ", local.ToString(), " to connect to ",
                             address_.ToString()));
}

// Asks as often as it is told that something happened: connect(2) says whether
// it has succeeded, failed, or goes on.
void Connector::Try() {
  const SysResult result = reactor_.kernel().Connect(
      socket_.descriptor(), address_.data(), address_.length());
  switch (result.error()) {
    case 0:
    case EISCONN:
      return TellLater(std::move(socket_));
    case EAGAIN:
      if (address_.family() == AF_UNIX) return TryLater();
      return TellLater(Failed(result));
    case EINPROGRESS:
    case EALREADY:
    // Interrupted, it goes on all the same.
    case EINTR:
      break;
    default:
      return TellLater(Failed(result));
  }
  if (registration_.active()) return;
  absl::StatusOr<Registration> registration =
      reactor_.Register(socket_.descriptor(), Interest::kWrite, *this);
  if (!registration.ok()) {
    return TellLater(
        absl::Status(registration.status().code(),
                     absl::StrCat("connect to ", address_.ToString(), ": ",
                                  registration.status().message())));
  }
  registration_ = *std::move(registration);
}

void Connector::OnReady(Readiness) { Try(); }

// A full backlog is no event that epoll would tell.
void Connector::TryLater() {
  next_step_.ArmAfter(retry_interval_);
  retry_interval_ = std::min(2 * retry_interval_, kMaxRetryInterval);
}

absl::Status Connector::Failed(SysResult result) const {
  return result.ToStatus(absl::StrCat("connect to ", address_.ToString()));
}

void Connector::TellLater(absl::StatusOr<Socket> result) {
  registration_.Reset();
  deadline_.Disarm();
  result_ = std::move(result);
  next_step_.ArmAfter(absl::ZeroDuration());
}

void Connector::Tell(absl::StatusOr<Socket> result) {
  registration_.Reset();
  deadline_.Disarm();
  next_step_.Disarm();
  // What has failed is not kept until the owner goes.
  socket_.Close();
  on_done_(std::move(result));
}

}  // namespace pollux
