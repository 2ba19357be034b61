// A connected socket, its buffers and its backpressure.
#ifndef POLLUX_REACTOR_NET_STREAM_H_
#define POLLUX_REACTOR_NET_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"

namespace pollux {

// The memory in which the streams of one reactor receive, and gather what one
// event makes them send, so that an idle stream holds no buffer. Owned by
// whoever owns the streams; must outlive them; one thread. Allocates only here,
// and while `sending` grows to its largest use.
class StreamBuffers {
 public:
  // `bytes` is the most that a stream can hold unconsumed, plus what one event
  // reads. At least 2.
  explicit StreamBuffers(size_t bytes = 64 * 1024) : receiving_(bytes) {}

 private:
  friend class Stream;

  std::vector<char> receiving_;
  std::string sending_;
};

// A connected byte stream: reads once per event, hands the bytes to its
// handler, keeps what the handler has not consumed, sends what the handler
// wrote in one call per event, and continues short writes when the peer takes
// more.
//
// Owned by whoever serves the connection. Reactor's thread only; must not
// outlive the reactor. From inside its handler's callbacks everything may be
// called, but it may be destroyed only through DeleteSoon(). Failures of the
// connection come to OnClosed(), once; nothing else fails.
class Stream final : private IoHandler {
 public:
  enum class CloseReason : uint8_t {
    // CloseWhenSent() has done its work.
    kSent,
    // The peer reset the connection, or it broke: nothing more can be sent.
    kBroken,
  };

  class Handler {
   public:
    // Bytes have come. `input` is all that has come and was not consumed yet;
    // it lives until the callback returns. Returns how many of its first bytes
    // are consumed; the rest is presented again, with more behind it.
    virtual size_t OnInput(absl::string_view input) = 0;

    // The peer sends no more (FIN). What it sent was presented before; output
    // can still be sent.
    virtual void OnEndOfInput() = 0;

    // Output had reached the high watermark, and now all of it is sent.
    virtual void OnOutputDrained() = 0;

    // The socket is closed. Told once, and not for Abort() or the destructor.
    // `error` is an errno, 0 with kSent.
    virtual void OnClosed(CloseReason reason, int error) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    // From this many unsent bytes on, is_output_high() says to stop producing.
    size_t high_watermark_bytes = 64 * 1024;
  };

  // Start() comes before everything else. What is passed by reference must
  // outlive the stream, the options included.
  Stream(Reactor& reactor, StreamBuffers& buffers, Socket socket,
         const Options& options, Handler& handler);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Watches the socket. Fails as Register() does; then the stream is closed.
  absl::Status Start();

  bool is_open() const { return socket_.is_open(); }

  // Output.

  // Where to append output: without a copy of one's own. Valid until the
  // callback returns, and not across any other call on the stream. What was
  // appended inside of the stream's own callbacks is sent when they return;
  // elsewhere Flush() must follow.
  std::string& output();

  // Sends in the next iteration, which then does not wait, what was appended
  // outside of the stream's own callbacks.
  void Flush();

  // Bytes written and not yet taken by the kernel.
  size_t unsent_bytes() const;
  bool is_output_high() const {
    return unsent_bytes() >= options_.high_watermark_bytes;
  }

  // Sends a FIN behind the output, once it is sent; input still comes.
  void ShutdownWhenSent();

  // Closes the socket once the output is sent; then OnClosed(kSent). Input is
  // no longer presented.
  void CloseWhenSent();

  // Closes the socket at once, without a word to the handler.
  void Abort();

  // Input.

  // No more OnInput() until ResumeInput(). The kernel's buffer then fills and
  // holds the peer back. A broken connection is still told.
  void PauseInput();

  // Bytes that were kept are presented in the next iteration.
  void ResumeInput();

 private:
  // What becomes of the output side.
  enum class Output : uint8_t {
    kOpen,
    kShutdownWhenSent,
    kShut,
    kCloseWhenSent
  };

  void OnReady(Readiness readiness) override;
  void HandleInput(Readiness readiness);
  void Receive();
  void Present(size_t bytes);
  size_t KeptInReceiving();
  void SendOnce();
  void FinishOutput();
  bool PresentsInput() const;
  bool ReadsInput() const;
  void UpdateInterest();
  void Nudge();
  void Break(int error);
  int SocketError();

  Reactor& reactor_;
  StreamBuffers& buffers_;
  Handler& handler_;
  const Options& options_;
  Socket socket_;
  Registration registration_;

  // Received and not consumed.
  std::string unconsumed_;
  // Written and not sent, from offset sent_ on.
  std::string unsent_;
  size_t sent_ = 0;

  Output output_state_ = Output::kOpen;
  bool in_callback_ = false;
  bool nudged_ = false;
  bool paused_ = false;
  bool end_of_input_ = false;
  bool present_again_ = false;
  bool was_high_ = false;
  // The kernel takes no more for now; EPOLLOUT will tell.
  bool blocked_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_STREAM_H_
