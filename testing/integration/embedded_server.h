// An HttpServer with handlers that take their time, to be run with faults.
#ifndef POLLUX_TESTING_INTEGRATION_EMBEDDED_SERVER_H_
#define POLLUX_TESTING_INTEGRATION_EMBEDDED_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/reactor.h"
#include "reactor/signals.h"
#include "testing/integration/conversation.h"
#include "testing/integration/scenario_texts.h"
#include "testing/simulation.h"

namespace pollux {

class ErrandBook;

// A program that embeds a server. The routes, and what they are asked:
//   /                     GET: "ha?\n"
//   /big                  GET: 300 KB
//   /late/{ms}            GET and POST: "late\n", after so long
//   /events/{n}/{bytes}   GET: n events, one every 10 ms
//   /stream/{bytes}       GET: as fast as the client takes it
//   /collect              POST: how much came, up to 64 KiB
//   /mirror               POST: sent back as it comes
// Whoever handles a request for longer than a moment must be told exactly once
// that nobody waits for it any more, unless it was answered before: this is
// looked at when the server is gone.
//
// Owned by a conversation.
class EmbeddedServer final : public Program {
 public:
  static constexpr size_t kMaxCollectedBytes = 64 * 1024;

  // Null if it could not start.
  static std::unique_ptr<EmbeddedServer> Start(
      Simulation& simulation,
      const HttpServer::Options& options = HttpServer::Options());
  ~EmbeddedServer() override;

  Reactor& reactor() override { return *reactor_; }
  void Check(Simulation& simulation) override;

  const ServerStatistics& statistics() const { return server_->statistics(); }
  uint64_t timeouts(TimeoutKind kind) const;
  uint64_t shed(ShedReason reason) const;
  // Requests that were abandoned.
  uint64_t abandoned() const;
  // That were ever in memory while a stream was written.
  uint64_t most_buffered_bytes() const;

 private:
  explicit EmbeddedServer(Simulation& simulation);
  absl::Status Listen(const HttpServer::Options& options);

  Simulation& simulation_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Signals> signals_;
  std::unique_ptr<ErrandBook> book_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
};

// What its handlers answer.

const std::string& EmbeddedBig();
std::string LateAnswer();
std::string EventsAnswer(size_t count, size_t bytes);
std::string StreamAnswer(size_t bytes, absl::string_view connection_line = "");
std::string CollectedAnswer(absl::string_view body);
std::string MirrorAnswer(absl::string_view body);

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_EMBEDDED_SERVER_H_
