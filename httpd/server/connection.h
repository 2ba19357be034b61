// One connection of an HttpServer.
#ifndef POLLUX_HTTPD_SERVER_CONNECTION_H_
#define POLLUX_HTTPD_SERVER_CONNECTION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/client_address.h"
#include "httpd/server/connection_deadline.h"
#include "httpd/server/exchange_phase.h"
#include "httpd/server/server_exchange.h"
#include "httpd/server/server_statistics.h"
#include "httpd/server/status_page.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/timer.h"

namespace pollux {

class HttpServer;

// Reads requests from a stream, gives them to its exchange one after another,
// keeps the deadlines, and ends.
//
// Owned by its server, which it notifies when it has ended; it quiesces at once
// and is freed after the end of the iteration. Reactor's thread only.
class Connection final : private Stream::Handler, private EmbeddedTimer {
 public:
  using ClosedBy = ServerExchange::ClosedBy;

  // The scope of every entry into a connection: an event of its stream, its
  // deadline, a call of a handler or of the server. When the outermost ends,
  // the connection acts once on all that has changed.
  class Entry {
   public:
    explicit Entry(Connection& connection)
        : connection_(connection), is_outermost_(!connection.is_entered_) {
      connection.is_entered_ = true;
    }
    ~Entry() {
      if (is_outermost_) connection_.LeaveEntry();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    Connection& connection_;
    const bool is_outermost_;
  };

  Connection(HttpServer& server, Socket socket, size_t index);

  // One of these three begins the connection.

  // Waits for requests. Fails if the socket cannot be watched.
  absl::Status Start();
  // Reads at once: the first request came with the connection.
  void StartReading();
  // Sends this response and closes.
  void StartRefusing(const StatusPage& page);

  // Ends if no request is in flight; otherwise after the one that is.
  void Drain();

  // Closes at once and gives back everything that it has from the server.
  // Notifies handlers that have not responded, and not the server. Must be
  // called before the destructor.
  void Close() { Close(ClosedBy::kServer, stream_.unsent_bytes()); }

  // Ends because memory runs out: with 503 if no response has begun.
  void ShedForMemory();

  ConnectionState state() const { return state_; }

  // Whether it is between requests, with nothing unsent; and since when.
  bool is_idle() const;
  MonotonicTime since() const;

  // Whether input has come that was not presented yet. Makes a system call.
  bool HasUnreadInput() { return stream_.HasUnreadInput(); }

  // Bytes in memory because of it.
  uint64_t held_bytes() const {
    return stream_.buffered_bytes() + exchange_.held_bytes();
  }

  // Its place in the server's list.
  size_t index() const { return index_; }
  void set_index(size_t index) { index_ = static_cast<uint32_t>(index); }

  const ClientAddress& client() { return exchange_.client(); }

  // For its exchange.

  HttpServer& server() { return server_; }
  Stream& stream() { return stream_; }
  // Within OnInput().
  bool is_in_input() const { return is_in_input_; }
  // Resets the connection, so that the client cannot take what it got for the
  // whole.
  void Reset();

 private:
  // Stream::Handler.
  size_t OnInput(absl::string_view input) override;
  void OnEndOfInput() override;
  void OnPeerFinished() override;
  void OnOutputDrained() override;
  void OnFileTruncated(uint64_t unsent_bytes) override;
  void OnClosed(Stream::CloseReason reason, int error,
                uint64_t unsent_bytes) override;

  ExchangePhase phase() const { return exchange_.phase(); }
  bool is_between_requests() const {
    return phase() == ExchangePhase::kReadingHead && !parser_.in_progress();
  }

  bool ReadsInput() const;
  size_t ReadHead(absl::string_view input);

  void EndIfUnused();
  void Close(ClosedBy closed_by, uint64_t unsent_bytes);
  // It has ended: notifies the server.
  void Leave(ClosedBy closed_by, uint64_t unsent_bytes);

  // Acts on what has changed.
  void LeaveEntry();
  void Settle();
  void NoteState();

  // The deadline.
  ConnectionDeadline CurrentDeadline(bool reads_input) const;
  absl::Duration TimeoutOf(ConnectionDeadline deadline) const;
  uint64_t TakenBytes() const;
  uint64_t Progress() const;
  bool IsFastEnough() const;
  void Arm(ConnectionDeadline deadline, MonotonicTime since);
  void CountFrom(MonotonicTime since);
  absl::Duration ArmedTime() const;
  void OnDeadline() override;
  void OnTooSlow();

  // In an order that leaves no gaps: an idle connection should cost little.

  uint32_t index_;
  HttpServer& server_;
  [[no_unique_address]] Stream stream_;
  ConnectionDeadline armed_for_ = ConnectionDeadline::kNone;
  ConnectionState state_ = ConnectionState::kIdle;
  // Whether progress_then_ is known.
  bool is_progress_known_ : 1 = false;
  bool is_entered_ : 1 = false;
  bool is_in_input_ : 1 = false;
  // As the stream was told.
  bool is_paused_ : 1 = false;
  // The client's FIN has come.
  bool has_client_finished_ : 1 = false;
  http::RequestParser parser_;
  ServerExchange exchange_{*this};
  // The client's progress when the armed deadline's time began.
  uint64_t progress_then_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_H_
