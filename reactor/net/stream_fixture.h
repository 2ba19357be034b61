// What the tests of Stream share.
#ifndef POLLUX_REACTOR_NET_STREAM_FIXTURE_H_
#define POLLUX_REACTOR_NET_STREAM_FIXTURE_H_

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "reactor/net/address.h"
#include "reactor/net/listener.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"

namespace pollux {

constexpr size_t kAll = SIZE_MAX;

// What OnClosed() was told.
struct Close {
  Stream::CloseReason reason;
  int error;
  bool operator==(const Close&) const = default;
};

inline void PrintTo(const Close& close, std::ostream* out) {
  constexpr const char* kNames[] = {"sent", "finished", "lingered", "broken",
                                    "file truncated"};
  *out << kNames[static_cast<size_t>(close.reason)] << " " << close.error;
}

constexpr Close kSent = {Stream::CloseReason::kSent, 0};
constexpr Close kFinished = {Stream::CloseReason::kFinished, 0};
constexpr Close kLingered = {Stream::CloseReason::kLingered, 0};
constexpr Close kFileTruncated = {Stream::CloseReason::kFileTruncated, 0};

inline Close Broken(int error) { return {Stream::CloseReason::kBroken, error}; }

// A handler that keeps what it is told, and does what the test says.
struct Server final : Stream::Handler {
  // Says how much is consumed; kAll for everything.
  std::function<size_t(absl::string_view)> on_input = [](absl::string_view) {
    return kAll;
  };
  std::function<void()> on_end_of_input = [] {};
  std::function<void()> on_output_drained = [] {};
  std::function<void()> on_closed = [] {};

  std::vector<std::string> inputs;
  int ends_of_input = 0;
  int peer_finishes = 0;
  int drains = 0;
  // The sum of the arguments of OnFileTruncated().
  uint64_t truncated_bytes = 0;
  std::vector<Close> closes;
  // Of the last one.
  uint64_t unsent_bytes = 0;

  std::unique_ptr<Stream> stream;

  size_t OnInput(absl::string_view input) override {
    inputs.emplace_back(input);
    return std::min(on_input(input), input.size());
  }
  void OnEndOfInput() override {
    ++ends_of_input;
    on_end_of_input();
  }
  void OnPeerFinished() override { ++peer_finishes; }
  void OnOutputDrained() override {
    ++drains;
    on_output_drained();
  }
  void OnFileTruncated(uint64_t bytes) override { truncated_bytes += bytes; }
  void OnClosed(Stream::CloseReason reason, int error,
                uint64_t unsent) override {
    closes.push_back({reason, error});
    unsent_bytes = unsent;
    on_closed();
  }
};

class StreamTest : public ReactorFixture {
 protected:
  void SetUp() override { Open(); }

  void TearDown() override {
    Drop();
    ReactorFixture::TearDown();
  }

  void Drop() {
    server_.stream.reset();
    client_ = End();
  }

  // A stream on one end of a socketpair; the test has the other one.
  void Open() {
    Drop();
    Pair pair = MakePair();
    Open(std::move(pair), server_, client_);
  }

  void Open(Pair pair, Server& server, End& client) {
    server.stream = std::make_unique<Stream>(
        buffers(), Socket(kernel_, pair.near.Release()), server);
    ASSERT_TRUE(server.stream->Start().ok());
    client = std::move(pair.far);
    calls_.Clear();
  }

  // Opens the streams anew, after options_ has changed.
  void Reopen() {
    Drop();
    buffers_ = nullptr;
    Open();
  }

  void OpenWithReceiveBuffer(size_t bytes) {
    options_.receive_buffer_bytes = bytes;
    Reopen();
  }

  // The same over TCP.
  void OpenTcp() {
    Drop();
    struct Accepted final : Listener::Handler {
      void OnAccept(Socket connection) override {
        socket = std::move(connection);
      }
      Socket socket;
    } accepted;
    const std::unique_ptr<Listener> listener = *Listener::Create(
        *reactor_,
        *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:0"),
                        {.backlog = 16}),
        {}, accepted);
    client_ = End(
        *this,
        kernel_.Socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
            .descriptor());
    (void)kernel_.Connect(client_.descriptor(), listener->address().data(),
                          listener->address().length());
    ASSERT_TRUE(RunUntil([&] { return accepted.socket.is_open(); }));
    server_.stream = std::make_unique<Stream>(
        buffers(), std::move(accepted.socket), server_);
    ASSERT_TRUE(server_.stream->Start().ok());
    calls_.Clear();
  }

  Stream& stream() { return *server_.stream; }

  // Reads until `count` bytes have come.
  [[nodiscard]] std::string ReadUntil(End& client, size_t count) {
    std::string bytes;
    EXPECT_TRUE(RunUntil([&] {
      bytes += client.Read();
      return bytes.size() >= count;
    })) << bytes.size()
        << " of " << count;
    return bytes;
  }

  // Bytes that are not the same everywhere: what is lost or comes twice shows.
  static std::string Pattern(size_t count) {
    std::string block;
    for (int i = 0; block.size() < 100'003; ++i) absl::StrAppend(&block, i);
    std::string bytes;
    while (bytes.size() < count) bytes += block;
    bytes.resize(count);
    return bytes;
  }

  // Writes more than a unix socket takes while nobody reads; says what.
  std::string Block(size_t count = 1 << 20) {
    const std::string bytes = Pattern(count);
    stream().output() += bytes;
    stream().Flush();
    Iterate();
    EXPECT_GT(stream().unsent_bytes(), 0u);
    EXPECT_LT(stream().unsent_bytes(), bytes.size());
    return bytes;
  }

  // The same for TCP, whose buffers grow.
  std::string BlockTcp() { return Block(1 << 23); }

  int sends() const { return calls_.Count(SyscallKind::kSend); }
  int receives() const { return calls_.Count(SyscallKind::kRecv); }

  // Returns the shared buffers, created with the options_ at the first call.
  StreamBuffers& buffers() {
    if (buffers_ == nullptr) {
      buffers_ = std::make_unique<StreamBuffers>(*reactor_, options_);
    }
    return *buffers_;
  }

  StreamOptions options_;
  std::unique_ptr<StreamBuffers> buffers_;
  Server server_;
  End client_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_STREAM_FIXTURE_H_
