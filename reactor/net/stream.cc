#include "reactor/net/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "absl/types/span.h"
#include "reactor/timer.h"

namespace pollux {
namespace {

// Pieces that one sendmsg takes: a kibibyte of stack. The kernel takes 1024.
constexpr size_t kMaxParts = 64;

}  // namespace

absl::Status Stream::Start() {
  absl::Status status = Watch(Interest::kRead, Trigger::kLevel);
  if (!status.ok()) Close();
  return status;
}

void Stream::StartReading() {
  if (!buffers_.is_in_use_) return OnReady({.readable = true});
  // Level-triggered, so the loop reports the input that has arrived.
  if (!Watch(Interest::kRead, Trigger::kLevel).ok()) {
    End(CloseReason::kBroken, ENOMEM);
  }
}

absl::Status Stream::Watch(Interest interest, Trigger trigger) {
  registration_.Reset(reactor());
  return registration_.Start(reactor(), socket_.descriptor(), interest,
                             {.trigger = trigger}, *this);
}

// Output.

OutputChain& Stream::chain() {
  if (!is_open() || short_file_) {
    buffers_.discarded_.Clear();
    return buffers_.discarded_;
  }
  // Shared by all streams, so it is empty again when the callback has returned.
  return in_callback_ && !has_unsent() ? buffers_.sending_ : backlog().output;
}

StreamBuffers::Backlog& Stream::backlog() {
  if (!backlog_) backlog_ = buffers_.TakeBacklog();
  return *backlog_;
}

void Stream::WriteShared(absl::string_view bytes, Lease lease) {
  if (is_open() && !short_file_) chain().AppendShared(bytes, std::move(lease));
}

void Stream::WriteFile(FileRange range) {
  if (is_open() && !short_file_) chain().AppendFile(std::move(range));
}

void Stream::Flush() {
  if (!in_callback_) Settle();
  RequestTurn();
}

size_t Stream::buffered_bytes() const {
  if (!is_open()) return 0;
  return (backlog_
              ? backlog_->output.owned_bytes() + backlog_->unconsumed.size()
              : 0) +
         (in_callback_ ? buffers_.sending_.owned_bytes() : 0);
}

// Ends.

void Stream::ShutdownWhenSent() {
  if (output_state_ != Output::kOpen) return;
  output_state_ = Output::kShutdownWhenSent;
  RequestTurn();
}

void Stream::CloseWhenSent() {
  output_state_ = Output::kCloseWhenSent;
  RequestTurn();
}

void Stream::DiscardInput() {
  if (!is_open() || output_state_ == Output::kCloseWhenSent) return;
  if (lingering_) return;
  lingering_ = true;
  backlog().linger_bytes_left = options().max_linger_bytes;
  backlog().unconsumed.clear();
  RequestTurn();
}

void Stream::LingerWhenSent() {
  DiscardInput();
  if (is_open() && output_state_ == Output::kOpen) {
    // Input that was discarded beside the output does not count.
    backlog().linger_bytes_left = options().max_linger_bytes;
    output_state_ = Output::kShutdownWhenSent;
  }
  RequestTurn();
}

void Stream::Close() {
  // Out of epoll first: an open file that was dup'ed would stay watched. One
  // that is closed already may have outlived its buffers.
  if (registration_.active()) registration_.Reset(reactor());
  socket_.Close();
  if (in_callback_) buffers_.sending_.Clear();
  // What a freed buffer cost is not carried until the owner is destroyed.
  if (backlog_) buffers_.GiveBacklog(std::move(backlog_));
}

void Stream::Abort() {
  if (!is_open()) return;
  // Refused or not, it is closed.
  (void)socket_.SetResetOnClose();
  Close();
}

void Stream::End(CloseReason reason, int error) {
  const uint64_t unsent = unsent_bytes();
  if (short_file_ && reason != CloseReason::kBroken) {
    reason = CloseReason::kFileTruncated;
  }
  Close();
  handler_.OnClosed(reason, error, unsent);
}

// Input.

void Stream::PauseInput() {
  paused_ = true;
  RequestTurn();
}

void Stream::ResumeInput() {
  paused_ = false;
  present_again_ = in_callback_ || (backlog_ && !backlog_->unconsumed.empty());
  RequestTurn();
}

bool Stream::HasUnreadInput() {
  if (!is_open()) return false;
  // Bytes that were presented and not consumed do not count: the handler has
  // seen them. While input is paused, kept bytes are still to be presented.
  if (!presenting_ && (paused_ || present_again_) && backlog_ &&
      !backlog_->unconsumed.empty()) {
    return true;
  }
  char byte;
  return kernel().Recv(socket_.descriptor(), {&byte, 1}, MSG_PEEK).value() > 0;
}

bool Stream::PresentsInput() const {
  return !paused_ && !lingering_ && output_state_ != Output::kCloseWhenSent;
}

bool Stream::ReadsInput() const {
  if (end_of_input_) return false;
  if (lingering_) {
    return output_state_ != Output::kCloseWhenSent &&
           backlog_->linger_bytes_left > 0;
  }
  return PresentsInput() && (!backlog_ || backlog_->unconsumed.size() <
                                              buffers_.receiving_.size());
}

// An event, or a turn that was asked for.

void Stream::OnReady(Readiness readiness) {
  StreamBuffers::Use use(buffers_);
  nudged_ = false;
  in_callback_ = true;
  if (readiness.writable) blocked_ = false;
  // What was left over goes first, so that the input below is answered into an
  // output that has room.
  if (has_unsent() && !blocked_) Send();
  const bool has_sent_enough = has_unsent();
  if (is_open()) HandleInput(readiness);
  if (is_open() && !has_sent_enough) Send();
  if (is_open()) FinishOutput();
  if (is_open()) UpdateInterest();
  in_callback_ = false;
  if (!is_open()) return;
  Settle();
  // Waits for its turn, so that a peer that takes everything, or a handler that
  // consumes a little at a time, does not keep the loop.
  present_again_ = present_again_ && backlog_ && !backlog_->unconsumed.empty();
  if ((has_unsent() && !blocked_) || (present_again_ && PresentsInput())) {
    RequestTurn();
  }
}

void Stream::HandleInput(Readiness readiness) {
  const bool may_read = readiness.readable || readiness.broken;
  if (present_again_ && PresentsInput()) {
    present_again_ = false;
    if (backlog_ && !backlog_->unconsumed.empty()) Present(KeptInReceiving());
  } else if (ReadsInput()) {
    if (may_read) lingering_ ? Discard() : Read();
  } else if (readiness.broken) {
    HangUp();
  } else if (readiness.peer_closed && !peer_finished_) {
    peer_finished_ = true;
    handler_.OnPeerFinished();
  }
}

SysResult Stream::Receive(size_t kept) {
  const absl::Span<char> space =
      absl::MakeSpan(buffers_.receiving_).subspan(kept);
  const SysResult result = RetryOnSignal(
      [&] { return kernel().Recv(socket_.descriptor(), space, 0); });
  if (!result.ok() && !result.would_block()) {
    End(CloseReason::kBroken, result.error());
  }
  if (result.value() == 0) end_of_input_ = true;
  return result;
}

void Stream::Read() {
  const size_t kept = KeptInReceiving();
  const SysResult result = Receive(kept);
  if (result.value() > 0) {
    Present(kept + static_cast<size_t>(result.value()));
  } else if (end_of_input_) {
    handler_.OnEndOfInput();
  }
}

void Stream::Discard() {
  const SysResult result = Receive(0);
  if (end_of_input_ && output_state_ == Output::kOpen && !peer_finished_) {
    peer_finished_ = true;
    handler_.OnPeerFinished();
  }
  if (result.value() <= 0) return;
  uint64_t& left = backlog_->linger_bytes_left;
  left -= std::min(left, static_cast<uint64_t>(result.value()));
}

size_t Stream::KeptInReceiving() {
  if (!backlog_) return 0;
  const std::string& unconsumed = backlog_->unconsumed;
  std::memcpy(buffers_.receiving_.data(), unconsumed.data(), unconsumed.size());
  return unconsumed.size();
}

void Stream::Present(size_t bytes) {
  const absl::string_view input(buffers_.receiving_.data(), bytes);
  presenting_ = true;
  const size_t consumed = handler_.OnInput(input);
  presenting_ = false;
  if (!is_open()) return;
  CHECK_LE(consumed, bytes);
  const absl::string_view rest = input.substr(consumed);
  const bool is_over = lingering_ || output_state_ == Output::kCloseWhenSent;
  if (rest.empty() || is_over) {
    if (backlog_) backlog_->unconsumed.clear();
  } else {
    backlog().unconsumed.assign(rest);
  }
}

// Hang-ups cannot be masked: to ignore one would be to spin.
void Stream::HangUp() {
  if (parked_) return;
  const int error = SocketError();
  const bool is_in_order =
      error == 0 && output_state_ == Output::kShut && !end_of_input_;
  // Told once more, since it holds, and then no more.
  if (is_in_order && Watch(Interest::kNone, Trigger::kOneShot).ok()) {
    parked_ = true;
    return;
  }
  End(CloseReason::kBroken, error != 0 ? error : EPIPE);
}

int Stream::SocketError() {
  int error = 0;
  socklen_t length = sizeof(error);
  const SysResult result = kernel().GetSockOpt(socket_.descriptor(), SOL_SOCKET,
                                               SO_ERROR, &error, &length);
  return result.ok() ? error : result.error();
}

// One call for the bytes, and one for a file that follows them.
void Stream::Send() {
  OutputChain& chain = has_unsent() ? backlog_->output : buffers_.sending_;
  if (chain.empty()) return;
  if (chain.size() >= options().high_watermark_bytes) was_high_ = true;
  buffers_.NotePeak();
  if (chain.front_file() == nullptr) SendBytes(chain);
  if (!is_open()) return;
  const FileRange* const file = chain.front_file();
  if (file != nullptr && !blocked_) SendFile(chain, *file);
  if (!is_open()) return;
  if (&chain == &buffers_.sending_ && !chain.empty()) {
    backlog().output.TakeFrom(chain);
  }
}

void Stream::SendBytes(OutputChain& chain) {
  const absl::string_view whole = chain.whole();
  size_t bytes = whole.size();
  const SysResult result =
      whole.empty() ? SendParts(chain, bytes) : SendPart(whole, MSG_NOSIGNAL);
  if (!result.ok() && !result.would_block()) {
    return End(CloseReason::kBroken, result.error());
  }
  const size_t sent = result.ok() ? static_cast<size_t>(result.value()) : 0;
  blocked_ = sent < bytes;
  chain.Consume(sent);
}

SysResult Stream::SendParts(const OutputChain& chain, size_t& bytes) {
  std::array<iovec, kMaxParts> parts;
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = chain.Front(absl::MakeSpan(parts), bytes);
  // What does not go with this call follows at once: no segment for the head of
  // a file alone. tcp(7).
  const int flags = MSG_NOSIGNAL | (bytes < chain.size() ? MSG_MORE : 0);
  if (message.msg_iovlen == 1) {
    return SendPart({static_cast<char*>(parts[0].iov_base), bytes}, flags);
  }
  return RetryOnSignal(
      [&] { return kernel().SendMsg(socket_.descriptor(), message, flags); });
}

SysResult Stream::SendPart(absl::string_view bytes, int flags) {
  return RetryOnSignal(
      [&] { return kernel().Send(socket_.descriptor(), bytes, flags); });
}

void Stream::SendFile(OutputChain& chain, const FileRange& range) {
  const uint64_t bytes =
      std::min(range.bytes(), options().max_file_bytes_per_event);
  const SysResult result = RetryOnSignal([&] {
    off_t offset = range.offset();
    return kernel().SendFile(socket_.descriptor(), range.file(), offset, bytes);
  });
  if (!result.ok() && !result.would_block()) {
    return End(CloseReason::kBroken, result.error());
  }
  if (result.value() == 0) return EndShortFile();
  const uint64_t sent = result.ok() ? static_cast<uint64_t>(result.value()) : 0;
  blocked_ = sent < bytes;
  chain.Consume(sent);
}

void Stream::EndShortFile() {
  const uint64_t unsent = unsent_bytes();
  if (options().short_file == ShortFile::kReset) {
    Abort();
    return handler_.OnClosed(CloseReason::kFileTruncated, 0, unsent);
  }
  short_file_ = true;
  LingerWhenSent();
  if (backlog_) backlog_->output.Clear();
  buffers_.sending_.Clear();
  handler_.OnFileTruncated(unsent);
}

void Stream::FinishOutput() {
  if (was_high_ && !short_file_ &&
      unsent_bytes() <= options().low_watermark_bytes) {
    was_high_ = false;
    handler_.OnOutputDrained();
    if (!is_open()) return;
    if (!buffers_.sending_.empty()) {
      backlog().output.TakeFrom(buffers_.sending_);
    }
  }
  if (has_unsent()) return;
  switch (output_state_) {
    case Output::kOpen:
      return;
    case Output::kCloseWhenSent:
      return End(CloseReason::kSent, 0);
    case Output::kShutdownWhenSent:
      output_state_ = Output::kShut;
      // Fails only on a connection that has gone, which the next event tells.
      (void)kernel().Shutdown(socket_.descriptor(), SHUT_WR);
      return EndInOrder();
    case Output::kShut:
      return EndInOrder();
  }
}

void Stream::EndInOrder() {
  if (end_of_input_) return End(CloseReason::kFinished, 0);
  if (!lingering_) return;
  Backlog& backlog = *backlog_;
  if (backlog.linger_bytes_left == 0) return End(CloseReason::kLingered, 0);
  if (backlog.linger_deadline) return;
  backlog.linger_deadline = std::make_unique<Timer>(reactor(), [this] {
    backlog_->linger_bytes_left = 0;
    RequestTurn();
  });
  backlog.linger_deadline->ArmAfter(options().linger_timeout);
}

void Stream::UpdateInterest() {
  const bool reads = ReadsInput();
  if (parked_ && !reads) return;
  // While input is paused, the FIN is the only sign that the peer has left.
  const bool watches_peer = paused_ && !lingering_ && !end_of_input_ &&
                            !peer_finished_ &&
                            output_state_ != Output::kCloseWhenSent;
  Interest interest = blocked_ ? Interest::kWrite : Interest::kNone;
  if (reads) {
    interest = blocked_ ? Interest::kReadWrite : Interest::kRead;
  } else if (watches_peer) {
    interest = blocked_ ? Interest::kWriteAndPeerClosed : Interest::kPeerClosed;
  }
  const bool is_watched = registration_.active() && !parked_;
  parked_ = false;
  const absl::Status status =
      is_watched ? registration_.SetInterest(reactor(), interest)
                 : Watch(interest, Trigger::kLevel);
  if (!status.ok()) End(CloseReason::kBroken, ENOMEM);
}

// Brings the account up to date.
void Stream::Settle() {
  if (!backlog_) return;
  const size_t bytes =
      backlog_->unconsumed.size() + backlog_->output.owned_bytes();
  if (bytes == 0 && backlog_->output.empty() && !lingering_) {
    return buffers_.GiveBacklog(std::move(backlog_));
  }
  buffers_.Count(*backlog_, bytes);
}

// Comes back in the next iteration for what was asked for outside of a
// callback; inside of one, OnReady() does it before it returns.
void Stream::RequestTurn() {
  if (in_callback_ || !is_open() || nudged_) return;
  nudged_ = true;
  registration_.Inject(reactor(), {});
}

}  // namespace pollux
