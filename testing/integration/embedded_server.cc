#include "testing/integration/embedded_server.h"

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "httpd/handlers/fixed.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/server_statistics.h"
#include "reactor/net/socket.h"
#include "reactor/timer.h"

namespace pollux {

// A request that is not answered at once.
class Errand {
 public:
  virtual ~Errand() = default;
};

// What errands there are, and how they ended. Must outlive router and server;
// errands live until they end.
class ErrandBook {
 public:
  explicit ErrandBook(Reactor& reactor) : reactor_(reactor) {}

  template <typename T, typename... Args>
  T& Add(Args&&... args) {
    auto errand = std::make_unique<T>(*this, std::forward<Args>(args)...);
    T& kept = *errand;
    ++begun_;
    errands_.emplace(&kept, std::move(errand));
    return kept;
  }

  bool IsOpen(const Errand& errand) const {
    return errands_.find(&errand) != errands_.end();
  }

  // How an errand ends: one of these, once.
  void NoteAnswered(const Errand& errand) {
    ++answered_;
    End(errand);
  }
  void NoteAbandoned(const Errand& errand) {
    ++abandoned_;
    End(errand);
  }

  void NoteBuffered() {
    most_buffered_bytes_ =
        std::max(most_buffered_bytes_, server_->buffered_bytes());
  }

  void set_server(const HttpServer& server) { server_ = &server; }
  Reactor& reactor() { return reactor_; }
  uint64_t abandoned() const { return abandoned_; }
  uint64_t most_buffered_bytes() const { return most_buffered_bytes_; }
  bool IsBalanced() const {
    return errands_.empty() && !ended_twice_ &&
           begun_ == answered_ + abandoned_;
  }
  std::string Describe() const {
    return absl::StrCat("of ", begun_, " late requests ", answered_,
                        " were answered, ", abandoned_, " abandoned and ",
                        errands_.size(), " forgotten",
                        ended_twice_ ? ", some of them twice" : "");
  }

 private:
  void End(const Errand& errand) {
    const auto entry = errands_.find(&errand);
    if (entry == errands_.end()) {
      ended_twice_ = true;
      return;
    }
    reactor_.DeleteSoon(std::move(entry->second));
    errands_.erase(entry);
  }

  Reactor& reactor_;
  const HttpServer* server_ = nullptr;
  std::map<const Errand*, std::unique_ptr<Errand>> errands_;
  uint64_t begun_ = 0;
  uint64_t answered_ = 0;
  uint64_t abandoned_ = 0;
  bool ended_twice_ = false;
  uint64_t most_buffered_bytes_ = 0;
};

namespace {

using http::Method;

constexpr absl::Duration kEventInterval = absl::Milliseconds(10);
constexpr size_t kStreamPieceBytes = 10'000;
constexpr size_t kStreamSalt = 0x57;

ResponseHead PlainHead() {
  return {.fields = {{"Content-Type", "text/plain"}}};
}

size_t NumberIn(const Request& request, absl::string_view name) {
  size_t number = 0;
  CHECK(absl::SimpleAtoi(request.parameter(name), &number));
  return number;
}

std::string Event(size_t number, size_t bytes) {
  return absl::StrCat("event ", number, " ", Body(bytes, number), "\n");
}

std::string Summary(absl::string_view body) {
  const uint64_t sum = std::accumulate(
      body.begin(), body.end(), uint64_t{0}, [](uint64_t sum, char byte) {
        return sum * 31 + static_cast<unsigned char>(byte);
      });
  return absl::StrCat(body.size(), " bytes: ", absl::Hex(sum), "\n");
}

// Answers after a while.
class LateErrand final : public Errand {
 public:
  LateErrand(ErrandBook& book, Responder responder, absl::Duration delay)
      : book_(book),
        responder_(std::move(responder)),
        timer_(book.reactor(), [this] { Answer(); }) {
    responder_.OnAbandoned([this] {
      timer_.Disarm();
      book_.NoteAbandoned(*this);
    });
    timer_.ArmAfter(delay);
  }

 private:
  void Answer() {
    std::move(responder_).Send({.head = PlainHead(), .body = "late\n"});
    book_.NoteAnswered(*this);
  }

  ErrandBook& book_;
  Responder responder_;
  Timer timer_;
};

// Sends an event every now and then.
class EventsErrand final : public Errand, private ResponseStream::Producer {
 public:
  EventsErrand(ErrandBook& book, Responder responder, size_t count,
               size_t bytes)
      : book_(book),
        count_(count),
        bytes_(bytes),
        stream_(std::move(responder).Stream(PlainHead(), *this)),
        timer_(book.reactor(), [this] { SendNext(); }) {
    timer_.ArmAfter(kEventInterval);
  }

 private:
  void SendNext() {
    // OnWritable() goes on.
    if (stream_.ShouldPause()) return;
    if (sent_ == count_) {
      std::move(stream_).Finish();
      return book_.NoteAnswered(*this);
    }
    timer_.ArmAfter(kEventInterval);
    const std::string event = Event(sent_++, bytes_);
    stream_.Write(event);
  }

  void OnWritable() override {
    if (!timer_.armed()) timer_.ArmAfter(kEventInterval);
  }
  void OnAbandoned() override {
    timer_.Disarm();
    book_.NoteAbandoned(*this);
  }

  ErrandBook& book_;
  const size_t count_;
  const size_t bytes_;
  size_t sent_ = 0;
  ResponseStream stream_;
  Timer timer_;
};

// Sends as fast as the client takes it, and no faster.
class StreamErrand final : public Errand, private ResponseStream::Producer {
 public:
  StreamErrand(ErrandBook& book, Responder responder, size_t bytes)
      : book_(book),
        body_(Body(bytes, kStreamSalt)),
        stream_(std::move(responder).Stream(PlainHead(), *this, bytes)) {}

  void GoOn() {
    while (book_.IsOpen(*this) && !stream_.ShouldPause()) {
      if (sent_ == body_.size()) {
        std::move(stream_).Finish();
        return book_.NoteAnswered(*this);
      }
      const absl::string_view piece =
          absl::string_view(body_).substr(sent_, kStreamPieceBytes);
      sent_ += piece.size();
      stream_.Write(piece);
      book_.NoteBuffered();
    }
  }

 private:
  void OnWritable() override { GoOn(); }
  void OnAbandoned() override { book_.NoteAbandoned(*this); }

  ErrandBook& book_;
  const std::string body_;
  size_t sent_ = 0;
  ResponseStream stream_;
};

// Sends back what comes. The connection owns what receives the body; this is
// the answer.
class MirrorErrand final : public Errand, private ResponseStream::Producer {
 public:
  MirrorErrand(ErrandBook& book, Responder responder, size_t bytes)
      : book_(book),
        stream_(std::move(responder).Stream(PlainHead(), *this, bytes)) {}

  void Send(absl::string_view bytes) {
    stream_.Write(bytes);
    book_.NoteBuffered();
  }
  void Finish() {
    std::move(stream_).Finish();
    book_.NoteAnswered(*this);
  }

 private:
  // The server reads no faster than the client does.
  void OnWritable() override {}
  void OnAbandoned() override { book_.NoteAbandoned(*this); }

  ErrandBook& book_;
  ResponseStream stream_;
};

class MirrorReceiver final : public BodyReceiver {
 public:
  explicit MirrorReceiver(ErrandBook& book) : book_(book) {}

  void set_errand(MirrorErrand& errand) { errand_ = &errand; }

  void OnBody(absl::string_view bytes) override {
    if (book_.IsOpen(*errand_)) errand_->Send(bytes);
  }
  void OnBodyEnd() override {
    if (book_.IsOpen(*errand_)) errand_->Finish();
  }

 private:
  ErrandBook& book_;
  MirrorErrand* errand_ = nullptr;
};

// Answers with a function.
template <typename Function>
class FunctionHandler final : public Handler {
 public:
  explicit FunctionHandler(Function handle) : handle_(std::move(handle)) {}
  void Handle(const Request& request, Responder responder) override {
    handle_(request, std::move(responder));
  }

 private:
  Function handle_;
};

template <typename Function>
std::unique_ptr<Handler> Calls(Function handle) {
  return std::make_unique<FunctionHandler<Function>>(std::move(handle));
}

std::unique_ptr<Handler> Fixed(absl::string_view body) {
  return std::make_unique<FixedHandler>(
      http::PreparedResponse::Create(200, {{"Content-Type", "text/plain"}},
                                     body)
          .value());
}

void Collect(const Request&, Responder responder) {
  std::move(responder).CollectBody(
      EmbeddedServer::kMaxCollectedBytes,
      [](std::string body, Responder responder) {
        std::move(responder).Send({.head = PlainHead(), .body = Summary(body)});
      });
}

std::unique_ptr<Router> MakeRouter(ErrandBook& book) {
  std::vector<Route> routes;
  routes.push_back({"/", {Method::kGet}, Fixed("ha?\n")});
  routes.push_back({"/big", {Method::kGet}, Fixed(EmbeddedBig())});
  // The same, and each response has bytes of its own.
  routes.push_back(
      {"/made", {Method::kGet}, Calls([](const Request&, Responder responder) {
         std::move(responder).Send(
             {.head = PlainHead(), .body = EmbeddedBig()});
       })});
  routes.push_back({"/late/{ms}",
                    {Method::kGet, Method::kPost},
                    Calls([&book](const Request& request, Responder responder) {
                      book.Add<LateErrand>(
                          std::move(responder),
                          absl::Milliseconds(NumberIn(request, "ms")));
                    })});
  routes.push_back({"/events/{n}/{bytes}",
                    {Method::kGet},
                    Calls([&book](const Request& request, Responder responder) {
                      book.Add<EventsErrand>(std::move(responder),
                                             NumberIn(request, "n"),
                                             NumberIn(request, "bytes"));
                    })});
  // Of a POST the body is discarded meanwhile.
  routes.push_back({"/stream/{bytes}",
                    {Method::kGet, Method::kPost},
                    Calls([&book](const Request& request, Responder responder) {
                      book.Add<StreamErrand>(std::move(responder),
                                             NumberIn(request, "bytes"))
                          .GoOn();
                    })});
  routes.push_back({"/collect", {Method::kPost}, Calls(Collect)});
  routes.push_back({"/mirror",
                    {Method::kPost},
                    Calls([&book](const Request& request, Responder responder) {
                      auto receiver = std::make_unique<MirrorReceiver>(book);
                      MirrorReceiver& kept = *receiver;
                      responder.ReceiveBody(std::move(receiver));
                      kept.set_errand(book.Add<MirrorErrand>(
                          std::move(responder), request.head().content_length));
                    })});
  return Router::Create(std::move(routes)).value();
}

std::string Chunked(absl::string_view chunks) {
  return absl::StrCat(
      "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain\r\n"
      "Transfer-Encoding: chunked\r\n\r\n",
      chunks, "0\r\n\r\n");
}

}  // namespace

EmbeddedServer::EmbeddedServer(Simulation& simulation)
    : simulation_(simulation) {}

std::unique_ptr<EmbeddedServer> EmbeddedServer::Start(
    Simulation& simulation, const HttpServer::Options& options) {
  std::unique_ptr<EmbeddedServer> program(new EmbeddedServer(simulation));
  if (!program->Listen(options).ok()) return nullptr;
  return program;
}

EmbeddedServer::~EmbeddedServer() {
  server_.reset();
  if (book_ != nullptr) {
    simulation_.Expect(book_->IsBalanced(), book_->Describe());
  }
}

absl::Status EmbeddedServer::Listen(const HttpServer::Options& options) {
  absl::StatusOr<std::unique_ptr<Reactor>> reactor =
      Reactor::Create(simulation_.kernel());
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  absl::StatusOr<std::unique_ptr<Signals>> signals =
      Signals::Create(*reactor_, {SIGTERM});
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  book_ = std::make_unique<ErrandBook>(*reactor_);
  router_ = MakeRouter(*book_);
  server_ = std::make_unique<HttpServer>(*reactor_, *router_, options);
  book_->set_server(*server_);
  signals_->On(SIGTERM, [this](const Signals::Event&) {
    if (server_->is_draining()) return reactor_->Stop();
    server_->Drain([this] { reactor_->Stop(); });
  });
  absl::StatusOr<Socket> socket =
      Socket::Listen(simulation_.kernel(), Conversation::address());
  if (!socket.ok()) return socket.status();
  return server_->AddListener(*std::move(socket)).status();
}

void EmbeddedServer::Check(Simulation& simulation) {
  // A second signal does not wait for connections.
  if (server_->connection_count() > 0) return;
  simulation.Expect(server_->buffered_bytes() == 0,
                    "bytes are kept for no connection");
  simulation.Expect(book_->IsBalanced(), book_->Describe());
  for (const Gauge& gauge : statistics().connections) {
    simulation.Expect(gauge.Read() == 0, "a connection is still counted");
  }
}

uint64_t EmbeddedServer::timeouts(TimeoutKind kind) const {
  return statistics().timeouts[static_cast<size_t>(kind)].Read();
}

uint64_t EmbeddedServer::shed(ShedReason reason) const {
  return statistics().shed[static_cast<size_t>(reason)].Read();
}

uint64_t EmbeddedServer::abandoned() const { return book_->abandoned(); }

uint64_t EmbeddedServer::most_buffered_bytes() const {
  return book_->most_buffered_bytes();
}

const std::string& EmbeddedBig() {
  static const auto* const big = new std::string(Body(300'000, 0xb19));
  return *big;
}

std::string LateAnswer() { return Ok("late\n"); }

std::string EventsAnswer(size_t count, size_t bytes) {
  std::string chunks;
  for (size_t i = 0; i < count; ++i) {
    const std::string event = Event(i, bytes);
    absl::StrAppend(&chunks, absl::Hex(event.size()), "\r\n", event, "\r\n");
  }
  return Chunked(chunks);
}

std::string StreamAnswer(size_t bytes, absl::string_view connection_line) {
  return Ok(Body(bytes, kStreamSalt), connection_line);
}

std::string CollectedAnswer(absl::string_view body) {
  return body.size() > EmbeddedServer::kMaxCollectedBytes ? Page(413)
                                                          : Ok(Summary(body));
}

std::string MirrorAnswer(absl::string_view body) { return Ok(body); }

}  // namespace pollux
