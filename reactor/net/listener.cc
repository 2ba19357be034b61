#include "reactor/net/listener.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/log/check.h"

namespace pollux {
namespace {

// What waits is bounded by the backlog; those who come meanwhile must not make
// this last for ever.
constexpr int kMaxWaiting = 65536;

// accept(2): errors that were waiting on the new connection, and belong to it.
bool ConcernsOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

Listener::Listener(Reactor& reactor, Socket socket, const Options& options,
                   Handler& handler)
    : reactor_(reactor),
      handler_(handler),
      options_(options),
      socket_(std::move(socket)),
      resume_(reactor, [this] { Resume(); }) {}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Create(
    Reactor& reactor, Socket socket, const Options& options, Handler& handler) {
  CHECK_GE(options.max_accepts_per_event, 1);
  CHECK_GT(options.backoff, absl::ZeroDuration());
  CHECK(options.trigger == Trigger::kLevel ||
        options.trigger == Trigger::kExclusive);
  std::unique_ptr<Listener> listener(
      new Listener(reactor, std::move(socket), options, handler));
  absl::StatusOr<Address> address = listener->socket_.LocalAddress();
  if (!address.ok()) return address.status();
  listener->address_ = *address;
  listener->OpenReserve();
  if (absl::Status status = listener->Watch(); !status.ok()) return status;
  return listener;
}

absl::Status Listener::Watch() {
  absl::StatusOr<Registration> registration =
      reactor_.Register(socket_.descriptor(), Interest::kRead,
                        {.trigger = options_.trigger}, *this);
  if (!registration.ok()) return registration.status();
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

Listener::~Listener() { registration_.Reset(); }

void Listener::OnReady(Readiness) {
  // Whoever still waits is told of in the next iteration. So one that comes
  // alone costs one accept, and not a second one that finds nobody; where they
  // come one behind another, twice as many are taken each time.
  const uint64_t iteration = reactor_.statistics().iterations.Read();
  accepts_ = iteration == last_iteration_ + 1
                 ? std::min(2 * accepts_, options_.max_accepts_per_event)
                 : 1;
  last_iteration_ = iteration;
  AcceptUpTo(accepts_);
}

void Listener::AcceptWaitingAndClose() {
  registration_.Reset();
  AcceptUpTo(kMaxWaiting);
  resume_.Disarm();
  socket_.Close();
  reserve_.Close();
}

void Listener::AcceptUpTo(int count) {
  for (int i = 0; i < count && socket_.is_open(); ++i) {
    SysResult result = Accept();
    if (result.ok()) {
      accepted_.Add();
      handler_.OnAccept(Socket(reactor_.kernel(), result.descriptor()));
      continue;
    }
    if (!result.would_block() && !ConcernsOneConnection(result.error())) {
      result = ShedOne();
    }
    // EMFILE is said even when nobody waits; the shedding then finds that out.
    if (result.would_block()) return;
    if (ConcernsOneConnection(result.error())) {
      aborted_.Add();
    } else if (!result.ok()) {
      return BackOff();
    }
  }
}

SysResult Listener::Accept() {
  return RetryOnSignal([this] {
    return reactor_.kernel().Accept4(socket_.descriptor(), nullptr, nullptr,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
  });
}

SysResult Listener::ShedOne() {
  if (!reserve_.is_open()) return SysResult::Error(EMFILE);
  reserve_.Close();
  const SysResult result = Accept();
  if (result.ok()) {
    shed_.Add();
    // With an RST, so that nobody takes it for an answer without bytes.
    Socket connection(reactor_.kernel(), result.descriptor());
    (void)connection.SetResetOnClose();
    connection.Close();
  }
  OpenReserve();
  return result;
}

void Listener::OpenReserve() {
  // An eventfd costs the kernel least of all descriptors. Without a reserve
  // there is still the back-off.
  const SysResult reserve = reactor_.kernel().EventFd(0, EFD_CLOEXEC);
  if (reserve.ok()) {
    reserve_ = Descriptor(reactor_.kernel(), reserve.descriptor());
  }
}

void Listener::BackOff() {
  backoffs_.Add();
  registration_.Reset();
  resume_.ArmAfter(options_.backoff);
}

void Listener::Resume() {
  if (!reserve_.is_open()) OpenReserve();
  if (!Watch().ok()) resume_.ArmAfter(options_.backoff);
}

}  // namespace pollux
