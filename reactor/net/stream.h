// A connected socket, its buffers and its backpressure.
#ifndef POLLUX_REACTOR_NET_STREAM_H_
#define POLLUX_REACTOR_NET_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"

namespace pollux {

// A connected byte stream: reads once per event, hands the bytes to its
// handler, keeps what the handler has not consumed, sends what the handler
// wrote in one call per event (two, if part of it is a file), and continues
// short writes when the peer takes more.
//
// Its two directions end separately: the peer's with OnEndOfInput(), its own
// with ShutdownWhenSent(). When both have, or when one of the other ends below
// has come, OnClosed() says which.
//
// Owned by whoever serves the connection. Reactor's thread only; must not
// outlive its StreamBuffers. From inside its handler's callbacks everything may
// be called, but it may be destroyed only through DeleteSoon(). Failures of the
// connection come to OnClosed(), once; nothing else fails.
class Stream final : private IoHandler {
 public:
  enum class CloseReason : uint8_t {
    // CloseWhenSent() has done its work.
    kSent,
    // Both directions have ended in order: everything was sent, and the peer's
    // FIN has come.
    kFinished,
    // LingerWhenSent() has done its work, and the peer has still not ended.
    kLingered,
    // The peer reset the connection, or it broke: nothing more can be sent.
    kBroken,
    // A file was shorter than the range to send: see StreamOptions::short_file.
    kFileTruncated,
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

    // The peer has sent a FIN while input was paused or discarded: it may have
    // left, or may still read. Called at most once. After a pause, bytes that
    // the peer sent before are presented after ResumeInput(), and
    // OnEndOfInput() follows.
    virtual void OnPeerFinished() {}

    // Output had reached the high watermark, and is down to the low one.
    virtual void OnOutputDrained() = 0;

    // With ShortFile::kFinish: a file was too short. The `unsent_bytes` written
    // after its end are dropped, later writes are ignored, and the stream
    // lingers until OnClosed(kFileTruncated).
    virtual void OnFileTruncated(uint64_t unsent_bytes) { (void)unsent_bytes; }

    // The socket is closed. Told once, and not for Close(), Abort() or the
    // destructor. `error` is an errno, 0 except with kBroken; `unsent_bytes`
    // were written, and the kernel never took them.
    virtual void OnClosed(CloseReason reason, int error,
                          uint64_t unsent_bytes) = 0;

   protected:
    ~Handler() = default;
  };

  // Start() or StartReading() comes before everything else. What is passed by
  // reference must outlive the stream.
  Stream(StreamBuffers& buffers, Socket socket, Handler& handler)
      : buffers_(buffers), handler_(handler), socket_(std::move(socket)) {}
  ~Stream() { Close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Watches the socket. Fails as Register() does; then the stream is closed.
  absl::Status Start();

  // Reads at once, and calls the handler from inside, for a connection whose
  // first bytes came with it (ListenOptions::defer_accept). If that ends it, it
  // was never watched, which saves two calls. When called from inside the
  // callback of another stream with the same StreamBuffers, reads in the next
  // iteration instead. If the socket cannot be watched, OnClosed() reports it.
  void StartReading();

  bool is_open() const { return socket_.is_open(); }
  const Socket& socket() const { return socket_; }

  // Output. What is written inside of the stream's own callbacks is sent when
  // they return; elsewhere Flush() must follow. What is written to a closed
  // stream goes nowhere.

  // Where to append bytes: without a copy of one's own. Valid until the
  // callback returns, and not across any other call on the stream.
  std::string& output() { return chain().tail(); }

  // Bytes that are there already: not copied if they are many.
  void Write(std::string bytes) { chain().Append(std::move(bytes)); }

  // Bytes that stay where they are, and what they are, until the lease is
  // returned: when they are sent, or the stream closes.
  void WriteShared(absl::string_view bytes, Lease lease);

  // Part of a file. If it turns out to be shorter, that is kFileTruncated.
  // sendfile(2) has no flag against SIGPIPE: the program must block or ignore
  // that signal, as BlockSigPipe() does.
  void WriteFile(FileRange range);

  // Sends in the next iteration, which then does not wait, what was written
  // outside of the stream's own callbacks.
  void Flush();

  // Bytes written and not yet taken by the kernel, wherever they lie.
  uint64_t unsent_bytes() const {
    if (!is_open()) return 0;
    return (backlog_ ? backlog_->output.size() : 0) +
           (in_callback_ ? buffers_.sending_.size() : 0);
  }
  bool is_output_high() const {
    return unsent_bytes() >= options().high_watermark_bytes;
  }

  // Bytes that lie in memory because of this stream: unsent, without leases and
  // files, and unconsumed.
  size_t buffered_bytes() const;

  // Ends.

  // Sends a FIN behind the output, once it is sent; input still comes. When
  // that has ended too: OnClosed(kFinished).
  void ShutdownWhenSent();

  // Closes the socket once the output is sent; then OnClosed(kSent). Input is
  // no longer presented; what has come and was not read makes the kernel reset
  // the connection, which may cost the peer the output.
  void CloseWhenSent();

  // Sends a FIN behind the output, throws away what comes until the peer ends
  // too (kFinished) or has had enough time or bytes (kLingered; see
  // StreamOptions), and closes: so the peer can read the output whatever it
  // goes on sending (RFC 9112 §9.6). Input is no longer presented, nor its end
  // told.
  void LingerWhenSent();

  // Discards input from now on, up to StreamOptions::max_linger_bytes, after
  // which nothing more is read; output can still be sent. OnPeerFinished()
  // reports the end of the input. For a peer that sends what will not be used,
  // and that may read only after it has sent everything.
  void DiscardInput();

  // Closes the socket at once, without a word to the handler. Output that the
  // kernel has is still delivered, unless input was left unread.
  void Close();

  // The same with a reset (SO_LINGER of 0): the peer sees ECONNRESET, and the
  // kernel forgets what it has of the output. For a peer that does not read.
  // socket(7). Only TCP knows resets.
  void Abort();

  // Input.

  // No more OnInput() until ResumeInput(). The kernel's buffer then fills and
  // holds the peer back. That the peer can be sent no more is still acted on:
  // OnClosed(kBroken), except after a FIN of our own, when nothing has to be
  // sent and the input can wait.
  void PauseInput();

  // Bytes that were kept are presented in the next iteration.
  void ResumeInput();

  // Returns true if input has arrived that was not presented yet. recv(2),
  // MSG_PEEK.
  bool HasUnreadInput();

 private:
  using Backlog = StreamBuffers::Backlog;

  // What becomes of the output side.
  enum class Output : uint8_t {
    kOpen,
    kShutdownWhenSent,
    kShut,
    kCloseWhenSent
  };

  const StreamOptions& options() const { return buffers_.options_; }
  Reactor& reactor() const { return buffers_.reactor(); }
  Kernel& kernel() const { return reactor().kernel(); }

  void OnReady(Readiness readiness) override;
  void HandleInput(Readiness readiness);
  SysResult Receive(size_t kept);
  void Read();
  void Discard();
  void Present(size_t bytes);
  size_t KeptInReceiving();
  void HangUp();

  bool has_unsent() const { return backlog_ && !backlog_->output.empty(); }
  OutputChain& chain();
  Backlog& backlog();
  void Send();
  void SendBytes(OutputChain& chain);
  SysResult SendParts(const OutputChain& chain, size_t& bytes);
  SysResult SendPart(absl::string_view bytes, int flags);
  void SendFile(OutputChain& chain, const FileRange& range);
  void EndShortFile();
  void FinishOutput();
  void EndInOrder();

  bool PresentsInput() const;
  bool ReadsInput() const;
  absl::Status Watch(Interest interest, Trigger trigger);
  void UpdateInterest();
  void Settle();
  void RequestTurn();
  void End(CloseReason reason, int error);
  int SocketError();

  StreamBuffers& buffers_;
  Handler& handler_;
  // Null when there is nothing to keep.
  std::unique_ptr<Backlog> backlog_;

  // The members below fill the padding of its last word.
  [[no_unique_address]] Socket socket_;
  Output output_state_ : 2 = Output::kOpen;
  bool in_callback_ : 1 = false;
  // Within OnInput().
  bool presenting_ : 1 = false;
  bool nudged_ : 1 = false;
  bool paused_ : 1 = false;
  bool lingering_ : 1 = false;
  bool end_of_input_ : 1 = false;
  bool present_again_ : 1 = false;
  bool was_high_ : 1 = false;
  // The kernel takes no more for now; EPOLLOUT will tell.
  bool blocked_ : 1 = false;
  // The peer has hung up, and what it sent is read later: until then epoll must
  // not tell it again and again.
  bool parked_ : 1 = false;
  // The peer's FIN was reported while input was paused.
  bool peer_finished_ : 1 = false;
  // The output ended early because a file was too short.
  bool short_file_ : 1 = false;
  EmbeddedRegistration registration_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_STREAM_H_
