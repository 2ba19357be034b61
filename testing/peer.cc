#include "testing/peer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

namespace pollux {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

size_t CountOf(absl::string_view text, absl::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

}  // namespace

Peer::~Peer() {
  for (VirtualTime::PlanId plan : {turn_, pause_, portion_}) {
    if (plan != 0) world_.time().Cancel(plan);
  }
  Hang(/*with_reset=*/false);
}

Peer& Peer::Connect(const Address& address) {
  return Then([this, address] {
    if (socket_ == nullptr) {
      socket_ =
          std::make_shared<StreamSocket>(world_.network(), address.family());
      socket_->set_nonblocking(true);
      socket_->AddWatcher(*this);
      const SysResult result = socket_->Connect(address);
      if (!result.ok() && result.error() != EINPROGRESS) {
        error_ = result.error();
        return true;
      }
    }
    if (socket_->is_connected()) return true;
    ReadWhatCame();
    return error_ != 0;
  });
}

Peer& Peer::Send(std::string bytes) {
  return Then(
      [this, rest = std::move(bytes)]() mutable { return SendRest(rest); });
}

Peer& Peer::SendInPieces(absl::string_view bytes, size_t piece_bytes,
                         absl::Duration gap) {
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    if (at > 0) Wait(gap);
    Send(std::string(bytes.substr(at, piece_bytes)));
  }
  return *this;
}

Peer& Peer::Wait(absl::Duration time) {
  return Then([this, time] {
    if (std::exchange(pause_over_, false)) return true;
    if (pause_ == 0) {
      pause_ = world_.time().After(time, [this] {
        pause_ = 0;
        pause_over_ = true;
        TakeTurn();
      });
    }
    return false;
  });
}

Peer& Peer::AwaitBytes(size_t count) {
  return Then([this, count] { return received_.size() >= count || is_over(); });
}

Peer& Peer::AwaitText(std::string text, size_t times) {
  return Then([this, text = std::move(text), times] {
    return CountOf(received_, text) >= times || is_over();
  });
}

Peer& Peer::AwaitEnd() {
  return Then([this] { return is_over(); });
}

Peer& Peer::ReadSlowly(size_t bytes, absl::Duration interval) {
  return Do([this, bytes, interval] {
    reads_freely_ = false;
    portion_bytes_ = bytes;
    portion_interval_ = interval;
    ReadNextPortion();
  });
}

Peer& Peer::ReadFreely() {
  return Do([this] {
    reads_freely_ = true;
    ReadWhatCame();
  });
}

Peer& Peer::HalfClose() {
  return Do([this] {
    if (socket_ != nullptr) (void)socket_->Shutdown(SHUT_WR);
  });
}

Peer& Peer::Close() {
  return Do([this] { Hang(/*with_reset=*/false); });
}

Peer& Peer::Reset() {
  return Do([this] { Hang(/*with_reset=*/true); });
}

Peer& Peer::Vanish() {
  StopReading();
  return Do([this] {
    if (socket_ != nullptr) socket_->RemoveWatcher(*this);
  });
}

Peer& Peer::Do(absl::AnyInvocable<void()> action) {
  return Then([action = std::move(action)]() mutable {
    action();
    return true;
  });
}

bool Peer::OnFileEvent(OpenFile&, uint32_t) {
  Schedule();
  return true;
}

void Peer::OnFileGone(OpenFile&) {}

Peer& Peer::Then(Step step) {
  steps_.push_back(std::move(step));
  Schedule();
  return *this;
}

void Peer::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  turn_ = world_.time().After(absl::ZeroDuration(), [this] {
    turn_ = 0;
    scheduled_ = false;
    TakeTurn();
  });
}

void Peer::TakeTurn() {
  if (reads_freely_) ReadWhatCame();
  while (!steps_.empty()) {
    // Not in the queue while it runs: it may add to it.
    Step step = std::move(steps_.front());
    steps_.pop_front();
    if (step()) continue;
    steps_.push_front(std::move(step));
    return;
  }
}

void Peer::ReadWhatCame() { ReadSome(SIZE_MAX); }

void Peer::ReadSome(size_t most_bytes) {
  std::string buffer(std::min(most_bytes, kReadBytes), '\0');
  while (socket_ != nullptr && !is_over() && most_bytes > 0) {
    const size_t count = std::min(most_bytes, buffer.size());
    const SysResult result =
        socket_->Recv(absl::MakeSpan(buffer).subspan(0, count), 0);
    if (result.would_block()) return;
    if (!result.ok()) {
      error_ = result.error();
    } else if (result.value() == 0) {
      saw_end_ = true;
    } else {
      received_.append(buffer, 0, static_cast<size_t>(result.value()));
      most_bytes -= static_cast<size_t>(result.value());
    }
  }
}

void Peer::ReadNextPortion() {
  if (reads_freely_ || portion_interval_ == absl::InfiniteDuration()) return;
  ReadSome(portion_bytes_);
  Schedule();
  if (is_over() || portion_ != 0) return;
  portion_ = world_.time().After(portion_interval_, [this] {
    portion_ = 0;
    ReadNextPortion();
  });
}

bool Peer::SendRest(std::string& rest) {
  while (!rest.empty()) {
    if (socket_ == nullptr) return true;
    const SysResult result = socket_->Send(rest);
    if (result.would_block()) {
      // So that space, when there is some, is told.
      (void)socket_->Poll();
      return false;
    }
    if (!result.ok()) {
      if (error_ == 0) error_ = result.error();
      return true;
    }
    rest.erase(0, static_cast<size_t>(result.value()));
  }
  return true;
}

void Peer::Hang(bool with_reset) {
  if (socket_ == nullptr) return;
  socket_->RemoveWatcher(*this);
  if (with_reset) {
    const linger now = {.l_onoff = 1, .l_linger = 0};
    (void)socket_->SetOption(SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  socket_.reset();
}

}  // namespace pollux
