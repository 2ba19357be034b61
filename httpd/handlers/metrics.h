// Tells Prometheus how the server is doing.
#ifndef POLLUX_HTTPD_HANDLERS_METRICS_H_
#define POLLUX_HTTPD_HANDLERS_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/handlers/prometheus_text.h"
#include "httpd/server/handler.h"
#include "httpd/server/server_statistics.h"
#include "reactor/loop_statistics.h"
#include "reactor/net/listener.h"

namespace pollux {

// Answers with all counters of the workers that serve, in Prometheus' text
// format: of routes added up, of connections and loops for each worker.
//
// The values of labels come from the program and its configuration, never from
// a client: nobody else can make series. Routes of one name share theirs.
//
// Owned by its router, on a listener for administrators; one thread, which may
// be another than the workers'. Nothing fails; each answer allocates.
class MetricsHandler final : public Handler {
 public:
  // One thread that serves.
  struct Worker {
    // Neither is null; both live until the answer has been given.
    const ServerStatistics* server = nullptr;
    const LoopStatistics* loop = nullptr;
    // HttpServer::listener_counters() and buffered_bytes().
    Listener::Counters listener = {};
    uint64_t buffered_bytes = 0;
    // Of an access log, if there is one.
    uint64_t lost_log_bytes = 0;
  };

  struct Options {
    // By RouteMatch::route, "none" included: Router::route_name().
    std::vector<std::string> route_names;
    absl::Time process_start;
    std::string version;
  };

  // `workers` is asked for each answer, on the handler's thread; all have the
  // routes of the options.
  MetricsHandler(const Options& options,
                 absl::AnyInvocable<std::vector<Worker>()> workers);

  void Handle(const Request& request, Responder responder) override;

 private:
  struct RouteGroup {
    std::string name;
    // Of its routes.
    std::vector<size_t> routes;
  };
  using Workers = absl::Span<const Worker>;

  void WriteProcess(PrometheusText& text) const;
  void WriteRoutes(Workers workers, PrometheusText& text) const;

  const absl::Time process_start_;
  const std::string version_;
  // In the order of the routes.
  std::vector<RouteGroup> route_groups_;
  absl::AnyInvocable<std::vector<Worker>()> workers_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_METRICS_H_
