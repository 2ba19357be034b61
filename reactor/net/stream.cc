#include "reactor/net/stream.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/log/check.h"

namespace pollux {

Stream::Stream(Reactor& reactor, StreamBuffers& buffers, Socket socket,
               const Options& options, Handler& handler)
    : reactor_(reactor),
      buffers_(buffers),
      handler_(handler),
      options_(options),
      socket_(std::move(socket)) {}

Stream::~Stream() { Abort(); }

absl::Status Stream::Start() {
  absl::StatusOr<Registration> registration =
      reactor_.Register(socket_.descriptor(), Interest::kRead, *this);
  if (!registration.ok()) {
    socket_.Close();
    return registration.status();
  }
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

std::string& Stream::output() {
  // Shared by all streams, so it is empty again when the callback has returned.
  return in_callback_ && unsent_.empty() ? buffers_.sending_ : unsent_;
}

void Stream::Flush() { Nudge(); }

size_t Stream::unsent_bytes() const {
  return unsent_.size() - sent_ + (in_callback_ ? buffers_.sending_.size() : 0);
}

void Stream::ShutdownWhenSent() {
  if (output_state_ != Output::kOpen) return;
  output_state_ = Output::kShutdownWhenSent;
  Nudge();
}

void Stream::CloseWhenSent() {
  output_state_ = Output::kCloseWhenSent;
  Nudge();
}

void Stream::Abort() {
  // Out of epoll first: an open file that was dup'ed would stay watched.
  registration_.Reset();
  socket_.Close();
  // What a freed buffer cost is not carried until the owner is destroyed.
  std::string().swap(unconsumed_);
  std::string().swap(unsent_);
  sent_ = 0;
}

void Stream::PauseInput() {
  paused_ = true;
  Nudge();
}

void Stream::ResumeInput() {
  paused_ = false;
  present_again_ = !unconsumed_.empty() || in_callback_;
  Nudge();
}

void Stream::OnReady(Readiness readiness) {
  nudged_ = false;
  in_callback_ = true;
  if (readiness.writable) blocked_ = false;
  // What was left over goes first, so that the input below is answered into an
  // output that has room.
  if (!unsent_.empty() && !blocked_) SendOnce();
  if (is_open()) HandleInput(readiness);
  if (is_open() && !blocked_) SendOnce();
  if (is_open()) FinishOutput();
  if (is_open()) UpdateInterest();
  buffers_.sending_.clear();
  in_callback_ = false;
}

void Stream::HandleInput(Readiness readiness) {
  if (present_again_ && PresentsInput()) {
    present_again_ = false;
    if (!unconsumed_.empty()) Present(KeptInReceiving());
  } else if (ReadsInput()) {
    if (readiness.readable || readiness.broken) Receive();
  } else if (readiness.broken) {
    // Cannot be masked: to ignore it would be to spin.
    Break(SocketError());
  }
}

void Stream::Receive() {
  const size_t kept = KeptInReceiving();
  const absl::Span<char> space =
      absl::MakeSpan(buffers_.receiving_).subspan(kept);
  const SysResult result = RetryOnSignal(
      [&] { return reactor_.kernel().Recv(socket_.descriptor(), space, 0); });
  if (result.would_block()) return;
  if (!result.ok()) return Break(result.error());
  if (result.value() == 0) {
    end_of_input_ = true;
    handler_.OnEndOfInput();
    return;
  }
  Present(kept + static_cast<size_t>(result.value()));
}

size_t Stream::KeptInReceiving() {
  std::memcpy(buffers_.receiving_.data(), unconsumed_.data(),
              unconsumed_.size());
  return unconsumed_.size();
}

void Stream::Present(size_t bytes) {
  const absl::string_view input(buffers_.receiving_.data(), bytes);
  const size_t consumed = handler_.OnInput(input);
  if (!is_open()) return;
  CHECK_LE(consumed, bytes);
  const absl::string_view rest = input.substr(consumed);
  if (rest.empty()) {
    std::string().swap(unconsumed_);
  } else {
    unconsumed_.assign(rest);
  }
  // Resumed from inside of the callback: there may be nothing left to present.
  present_again_ = present_again_ && !rest.empty();
}

// One call for all that this event wrote.
void Stream::SendOnce() {
  if (unsent_bytes() >= options_.high_watermark_bytes) was_high_ = true;
  const bool from_shared = unsent_.empty();
  absl::string_view bytes = from_shared
                                ? absl::string_view(buffers_.sending_)
                                : absl::string_view(unsent_).substr(sent_);
  if (bytes.empty()) return;
  const SysResult result = RetryOnSignal([&] {
    return reactor_.kernel().Send(socket_.descriptor(), bytes, MSG_NOSIGNAL);
  });
  if (!result.ok() && !result.would_block()) return Break(result.error());
  const size_t sent = result.ok() ? static_cast<size_t>(result.value()) : 0;
  blocked_ = sent < bytes.size();
  if (from_shared) {
    if (blocked_) unsent_.assign(bytes.substr(sent));
    buffers_.sending_.clear();
  } else if (blocked_) {
    sent_ += sent;
    // Else what is sent would pile up while the peer never takes everything. It
    // moves no more bytes than have been sent.
    if (sent_ >= unsent_.size() / 2) unsent_.erase(0, std::exchange(sent_, 0));
  } else {
    std::string().swap(unsent_);
    sent_ = 0;
  }
}

void Stream::FinishOutput() {
  if (unsent_bytes() > 0) return;
  if (std::exchange(was_high_, false)) {
    handler_.OnOutputDrained();
    if (!is_open()) return;
    // Waits for its turn: a peer that takes everything must not keep the loop.
    if (!buffers_.sending_.empty()) {
      unsent_.swap(buffers_.sending_);
      return;
    }
  }
  if (output_state_ == Output::kShutdownWhenSent) {
    output_state_ = Output::kShut;
    // Fails only on a connection that has gone, which the next event tells.
    (void)reactor_.kernel().Shutdown(socket_.descriptor(), SHUT_WR);
  } else if (output_state_ == Output::kCloseWhenSent) {
    Abort();
    handler_.OnClosed(CloseReason::kSent, 0);
  }
}

bool Stream::PresentsInput() const {
  return !paused_ && output_state_ != Output::kCloseWhenSent;
}

bool Stream::ReadsInput() const {
  return PresentsInput() && !end_of_input_ &&
         unconsumed_.size() < buffers_.receiving_.size();
}

void Stream::UpdateInterest() {
  const bool output = !unsent_.empty();
  const Interest interest =
      ReadsInput() ? (output ? Interest::kReadWrite : Interest::kRead)
                   : (output ? Interest::kWrite : Interest::kNone);
  const absl::Status status = registration_.SetInterest(interest);
  if (!status.ok()) Break(ENOMEM);
}

// Comes back in the next iteration for what was asked for outside of a
// callback; inside of one, OnReady() does it before it returns.
void Stream::Nudge() {
  const bool needed = !in_callback_ || present_again_;
  if (!needed || !is_open() || std::exchange(nudged_, true)) return;
  registration_.Inject({});
}

void Stream::Break(int error) {
  Abort();
  handler_.OnClosed(CloseReason::kBroken, error);
}

int Stream::SocketError() {
  int error = 0;
  socklen_t length = sizeof(error);
  const SysResult result = reactor_.kernel().GetSockOpt(
      socket_.descriptor(), SOL_SOCKET, SO_ERROR, &error, &length);
  return result.ok() && error != 0 ? error : EPIPE;
}

}  // namespace pollux
