#include "testing/peer.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "testing/fake/open_file.h"
#include "testing/fake/socket_file.h"

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

std::string TimesText(absl::string_view text, size_t times) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"",
                      times == 1 ? "" : absl::StrCat(" ", times, " times"));
}

// Returns the end of `received`, short enough for a message.
std::string LastOf(absl::string_view received) {
  constexpr size_t kShownBytes = 200;
  if (received.empty()) return "nothing";
  const bool whole = received.size() <= kShownBytes;
  if (!whole) received.remove_prefix(received.size() - kShownBytes);
  return absl::StrCat(whole ? "\"" : "...\"", absl::CHexEscape(received), "\"");
}

std::string ErrorName(int error) {
  const char* name = ::strerrorname_np(error);
  return name == nullptr ? absl::StrCat("errno ", error) : name;
}

}  // namespace

Peer::Peer(FakeWorld& world, std::string name)
    : world_(world), name_(std::move(name)), script_(world.time(), [this] {
        if (reads_freely_) ReadWhatCame();
      }) {}

Peer::~Peer() {
  for (const auto& [number, text] : expected_) {
    world_.ReportFailure(absl::StrCat(name_, ": ", text,
                                      " was not received when the test ended, "
                                      "after ",
                                      LastOf(received_)));
  }
  if (portion_ != 0) world_.time().Cancel(portion_);
  Hang(/*with_reset=*/false);
  LeaveListener();
}

Peer& Peer::Listen(const Address& address) {
  constexpr int kBacklog = 128;
  return ListenOnly(address, kBacklog).Accept();
}

Peer& Peer::ListenWith(const Peer& other) {
  LeaveListener();
  listener_ = other.listener_;
  if (listener_ != nullptr) listener_->AddWatcher(script_);
  return Accept();
}

Peer& Peer::ListenOnly(const Address& address, int backlog) {
  Settle(address);
  if (error_ == 0) error_ = listener_->Listen(backlog).error();
  return *this;
}

Peer& Peer::Ignore(const Address& address) {
  ListenOnly(address, /*backlog=*/0);
  obstacle_ = MakeSocket(address.family());
  (void)obstacle_->Connect(this->address());
  return *this;
}

Peer& Peer::Refuse(const Address& address) {
  Settle(address);
  return *this;
}

void Peer::Settle(const Address& address) {
  LeaveListener();
  listener_ = MakeSocket(address.family());
  error_ = listener_->Bind(address).error();
}

Address Peer::address() const {
  return listener_ == nullptr ? Address() : listener_->local_address();
}

Peer& Peer::Connect(const Address& address) {
  script_.Then([this, address] {
    if (socket_ == nullptr) {
      socket_ = MakeSocket(address.family());
      const SysResult result = socket_->Connect(address);
      if (!result.ok() && result.error() != EINPROGRESS) {
        error_ = result.error();
      }
    }
    if (error_ == 0 && socket_->is_connected()) return true;
    if (error_ == 0) ReadWhatCame();
    if (error_ == 0) return false;
    NoteUnmet(absl::StrCat("no connection to ", address.ToString()));
    return true;
  });
  return *this;
}

Peer& Peer::Accept() {
  script_.Then([this] {
    if (listener_ == nullptr || !listener_->is_listening()) {
      NoteUnmet("no connection was accepted");
      return true;
    }
    std::shared_ptr<SocketFile> connection;
    if (!listener_->Accept(connection).ok()) return false;
    Hang(/*with_reset=*/false);
    received_.clear();
    saw_end_ = false;
    error_ = 0;
    socket_ = std::static_pointer_cast<StreamSocket>(std::move(connection));
    socket_->set_nonblocking(true);
    socket_->AddWatcher(script_);
    if (reads_freely_) ReadWhatCame();
    return true;
  });
  return *this;
}

Peer& Peer::StopListening() {
  return Do([this] {
    // Also for those who listen with it.
    if (listener_ != nullptr) (void)listener_->Shutdown(SHUT_RD);
    LeaveListener();
  });
}

Peer& Peer::Send(std::string bytes) {
  script_.Then(
      [this, rest = std::move(bytes)]() mutable { return SendRest(rest); });
  return *this;
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
  script_.Wait(time);
  return *this;
}

Peer& Peer::AwaitBytes(size_t count) {
  script_.Then([this, count] {
    if (received_.size() >= count) return true;
    if (!is_over()) return false;
    NoteUnmet(absl::StrCat(count, " bytes were not received"));
    return true;
  });
  return *this;
}

Peer& Peer::AwaitText(std::string text, size_t times) {
  script_.Then([this, text = std::move(text), times] {
    if (HasText(text, times)) return true;
    if (!is_over()) return false;
    NoteUnmet(absl::StrCat(TimesText(text, times), " was not received"));
    return true;
  });
  return *this;
}

Peer& Peer::ExpectText(std::string text, size_t times) {
  const int number = next_expected_++;
  expected_.emplace(number, TimesText(text, times));
  script_.Then([this, text = std::move(text), times, number] {
    if (!HasText(text, times)) {
      if (!is_over()) return false;
      const std::string what =
          absl::StrCat(TimesText(text, times), " was not received");
      NoteUnmet(what);
      world_.ReportFailure(Explained(what));
    }
    expected_.erase(number);
    return true;
  });
  return *this;
}

Peer& Peer::AwaitEnd() {
  script_.Then([this] { return is_over(); });
  return *this;
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
    if (socket_ == nullptr) return;
    socket_->RemoveWatcher(script_);
    socket_->CutOff();
  });
}

Peer& Peer::Do(absl::AnyInvocable<void()> action) {
  script_.Do(std::move(action));
  return *this;
}

std::shared_ptr<StreamSocket> Peer::MakeSocket(int family) {
  auto socket = std::make_shared<StreamSocket>(world_.network(), family);
  socket->set_nonblocking(true);
  socket->AddWatcher(script_);
  return socket;
}

void Peer::LeaveListener() {
  for (std::shared_ptr<StreamSocket>* socket : {&listener_, &obstacle_}) {
    if (*socket != nullptr) (*socket)->RemoveWatcher(script_);
    socket->reset();
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
  script_.Schedule();
  if (is_over() || portion_ != 0) return;
  portion_ = world_.time().After(portion_interval_, [this] {
    portion_ = 0;
    ReadNextPortion();
  });
}

bool Peer::SendRest(std::string& rest) {
  while (!rest.empty()) {
    if (socket_ == nullptr) {
      NoteUnmet(absl::StrCat(rest.size(), " bytes were not sent"));
      return true;
    }
    const SysResult result = socket_->Send(rest);
    if (result.would_block()) {
      // So that space, when there is some, is told.
      (void)socket_->Poll();
      return false;
    }
    if (!result.ok()) {
      if (error_ == 0) error_ = result.error();
      NoteUnmet(absl::StrCat(rest.size(), " bytes were not sent"));
      return true;
    }
    rest.erase(0, static_cast<size_t>(result.value()));
  }
  return true;
}

bool Peer::HasText(absl::string_view text, size_t times) const {
  return CountOf(received_, text) >= times;
}

std::string Peer::Explained(absl::string_view what) const {
  const std::string error =
      error_ == 0 ? "" : absl::StrCat(" (", ErrorName(error_), ")");
  return absl::StrCat(name_, ": ", what, ": the connection ended", error,
                      " after ", LastOf(received_));
}

void Peer::NoteUnmet(absl::string_view what) {
  if (unmet_.empty()) unmet_ = Explained(what);
}

void Peer::Hang(bool with_reset) {
  if (socket_ == nullptr) return;
  socket_->RemoveWatcher(script_);
  if (with_reset) {
    const linger now = {.l_onoff = 1, .l_linger = 0};
    (void)socket_->SetOption(SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  socket_.reset();
}

}  // namespace pollux
