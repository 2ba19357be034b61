#include "testing/integration/daemon_scenarios.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/settings.h"
#include "httpd/daemon.h"
#include "httpd/http/parse_error.h"
#include "httpd/server/http_server.h"
#include "reactor/reactor.h"
#include "testing/fake/file_tree.h"
#include "testing/fake/random.h"
#include "testing/fake/virtual_time.h"
#include "testing/integration/conversation.h"
#include "testing/integration/scenario_texts.h"
#include "testing/peer.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

constexpr absl::string_view kLargeFile = "/srv/large.bin";
constexpr absl::string_view kSmallFile = "/srv/small.txt";
constexpr absl::string_view kModified = "Tue, 09 May 1995 06:13:20 GMT";
// What the echo handler keeps of a body before it streams.
constexpr size_t kEchoedWhole = 1024 * 1024;

const std::string& Big() {
  static const auto* const big = new std::string(Body(300'000, 1));
  return *big;
}

// More than is kept in memory: sent with sendfile.
const std::string& Large() {
  static const auto* const large = new std::string(Body(200'000, 2));
  return *large;
}

const std::string& Small() {
  static const auto* const small = new std::string(Body(3'000, 3));
  return *small;
}

const std::string& Uploaded() {
  static const auto* const uploaded = new std::string(Body(200'000, 4));
  return *uploaded;
}

// "DATE" stands for a whole date in what is expected.
constexpr size_t kHiddenDateBytes = 25;

std::string MethodNotAllowed() {
  return Page(405, "", "Allow: GET, HEAD, OPTIONS\r\n");
}

// A file's answer: after a fault it may be taken for missing, or broken.
Answer OfFile(std::string text) {
  return {std::move(text), {Page(404), Page(500), Page(503)}};
}

std::string FileFields(absl::string_view type) {
  return absl::StrCat("ETag: TAG\r\nLast-Modified: ", kModified,
                      "\r\nContent-Type: ", type,
                      "\r\nAccept-Ranges: bytes\r\n"
                      "X-Content-Type-Options: nosniff\r\n");
}

Answer OfLarge() {
  return OfFile(AnswerOf(200, FileFields("application/octet-stream"), Large()));
}

Answer OfSmall() {
  return OfFile(
      AnswerOf(200, FileFields("text/plain; charset=utf-8"), Small()));
}

// Of one of the files, from `first` on.
Answer OfRange(absl::string_view type, absl::string_view contents, size_t first,
               size_t bytes) {
  return OfFile(AnswerOf(
      206,
      absl::StrCat(FileFields(type), "Content-Range: bytes ", first, "-",
                   first + bytes - 1, "/", contents.size(), "\r\n"),
      contents.substr(first, bytes)));
}

Answer OfLargeRange(size_t first, size_t bytes) {
  return OfRange("application/octet-stream", Large(), first, bytes);
}

std::string RangeLine(size_t first, size_t bytes) {
  return absl::StrCat("Range: bytes=", first, "-", first + bytes - 1, "\r\n");
}

std::string IfModifiedSince() {
  return absl::StrCat("If-Modified-Since: ", kModified, "\r\n");
}

Answer NotModified() {
  return OfFile(
      absl::StrCat("HTTP/1.1 304 Not Modified\r\nDate: DATE\r\nETag: TAG\r\n"
                   "Last-Modified: ",
                   kModified, "\r\n\r\n"));
}

const httpd::Settings& TestSettings() {
  static const auto* const settings = new httpd::Settings([] {
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(
        absl::StrCat(R"(listener { address: "127.0.0.1:80" }
                        limits { max_body: "3MiB" }
                        route { path: "/" fixed { body: "ha?\n" } }
                        route { path: "/echo" echo {} }
                        route {
                          prefix: "/files/"
                          files {
                            root: "/srv"
                            max_cached_file: "16KiB"
                            precompressed: false
                          }
                        }
                        route { path: "/big" fixed { body: ")",
                     absl::CEscape(Big()), "\" } }"),
        "scenario");
    return loaded.settings;
  }());
  return *settings;
}

void WriteFiles(Simulation& simulation) {
  FileTree& files = simulation.host().files();
  files.WriteFile(kLargeFile, Large());
  files.WriteFile(kSmallFile, Small());
  absl::Time modified;
  (void)absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", kModified, &modified,
                        nullptr);
  files.SetModified(kLargeFile, modified);
  files.SetModified(kSmallFile, modified);
  // Until they have settled.
  VirtualTime& time = simulation.world().time();
  time.AdvanceTo(time.Now() + absl::Seconds(10));
}

class DaemonProgram final : public Program {
 public:
  explicit DaemonProgram(std::unique_ptr<Daemon> daemon)
      : daemon_(std::move(daemon)) {}

  Reactor& reactor() override { return daemon_->reactor(); }

  void Check(Simulation& simulation) override {
    const HttpServer& server = daemon_->server();
    // A second signal does not wait for connections.
    if (server.connection_count() > 0) return;
    simulation.Expect(server.buffered_bytes() == 0,
                      "bytes are kept for no connection");
  }

 private:
  std::unique_ptr<Daemon> daemon_;
};

std::unique_ptr<Program> StartDaemon(Simulation& simulation) {
  WriteFiles(simulation);
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Create(simulation.kernel(), TestSettings());
  // Under a fault it may be refused, with nothing left behind.
  if (!daemon.ok()) return nullptr;
  return std::make_unique<DaemonProgram>(*std::move(daemon));
}

void OneGet(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Ok("ha?\n"))
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void KeepAlive(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  Peer& client = conversation.AddLateClient("client", Repeat(Ok("ha?\n"), 3));
  for (size_t i = 1; i <= 3; ++i) {
    client.Send(Get("/")).AwaitText("ha?\n", i);
  }
  client.Close();
  conversation.Run();
}

void Pipelined(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Repeat(Ok("ha?\n"), 16))
      .Send(Repeat(Get("/"), 16))
      .AwaitText("ha?\n", 16)
      .Close();
  conversation.Run();
}

void ByteByByte(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Ok("ha?\n"))
      .SendInPieces(Get("/"), 1, absl::Milliseconds(1))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void RefusedPost(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", MethodNotAllowed() + Ok("ha?\n"))
      .SendInPieces(Post("/", "hello"), 60, absl::Milliseconds(2))
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void RefusedPostInChunks(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", MethodNotAllowed() + Ok("ha?\n"))
      .SendInPieces(PostInChunks("/", "hello", 3), 40, absl::Milliseconds(2))
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void ConnectRequestClose(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  for (int i = 0; i < 3; ++i) {
    conversation
        .AddLateClient(absl::StrCat("client", i), Ok("ha?\n", kCloseLine))
        .Send(Get("/", kCloseLine))
        .AwaitEnd()
        .Close();
  }
  conversation.Run();
}

void HalfClose(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Repeat(Ok("ha?\n"), 2))
      .Send(Repeat(Get("/"), 2))
      .HalfClose()
      .AwaitEnd()
      .Close();
  conversation.Run();
}

void Reset(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Ok("ha?\n"))
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Send("GET / HT")
      .Reset();
  conversation.Run();
}

void SlowReader(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Ok(Big()))
      .ReadSlowly(20'000, absl::Milliseconds(10))
      .Send(Get("/big"))
      .AwaitBytes(Ok(Big()).size() + kHiddenDateBytes)
      .Close();
  conversation.Run();
}

// More clients than descriptors: what cannot be accepted is shed, and when
// there is room again new clients are served.
void DescriptorExhaustion(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  // The bystander and two more.
  simulation.host().set_descriptor_limit(conversation.free_descriptor() + 3);
  for (int i = 0; i < 2; ++i) {
    conversation.AddLateClient(absl::StrCat("early", i), Ok("ha?\n"))
        .Send(Get("/"))
        .AwaitText("ha?\n")
        .Wait(absl::Milliseconds(100))
        .Close();
  }
  for (int i = 0; i < 3; ++i) {
    conversation.AddClient(absl::StrCat("shed", i), "")
        .Wait(absl::Milliseconds(20))
        .Connect(Conversation::address())
        .AwaitEnd()
        .Close();
  }
  conversation.AddClient("late", Ok("ha?\n"))
      .Wait(absl::Seconds(2))
      .Connect(Conversation::address())
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void StopWithWorkInFlight(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  // A late daemon finds the request and the signal at the same time.
  conversation.AllowAnnouncedClose();
  conversation.AddLateClient("client", Ok(Big()))
      .ReadSlowly(20'000, absl::Milliseconds(10))
      .Send(Get("/big"))
      .Wait(absl::Milliseconds(20))
      .Do([&conversation] { conversation.RaiseTerm(); })
      .AwaitEnd()
      .Close();
  conversation.Run();
}

// Uploads.

void Upload(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation.AddLateClient("client", Echoed(Uploaded()) + Ok("ha?\n"))
      .SendInPieces(Post("/echo", Uploaded()) + Get("/"), 50'000,
                    absl::Milliseconds(2))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void UploadInChunks(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  const std::string body = Body(20'000, 5);
  conversation.AddLateClient("client", Echoed(body) + Ok("ha?\n"))
      .SendInPieces(PostInChunks("/echo", body, 1'500) + Get("/"), 7'000,
                    absl::Milliseconds(2))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

// More than is kept: sent back while it comes.
void UploadThatStreams(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  const std::string body = Body(kEchoedWhole + 100'000, 6);
  conversation.AddLateClient("client", Echoed(body) + Ok("ha?\n"))
      .Send(Post("/echo", body))
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void UploadThatBreaksOff(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  const std::string request = Post("/echo", Uploaded());
  const std::string in_chunks = PostInChunks("/echo", Body(2'000, 7), 500);
  conversation.AddLateClient("ends", EndedWithin(kCloseLine))
      .Send(request.substr(0, 40'000))
      .HalfClose()
      .AwaitEnd()
      .Close();
  conversation.AddLateClient("resets", "")
      .Send(request.substr(0, 30'000))
      .Wait(absl::Milliseconds(3))
      .Reset();
  conversation.AddLateClient("closes", "")
      .Send(in_chunks.substr(0, in_chunks.size() / 2))
      .Close();
  conversation
      .AddLateClient(
          "errs",
          Page(400, http::Explain(http::ParseError::kBadChunkSize), kCloseLine))
      .Send(in_chunks.substr(0, in_chunks.find("1f4", 200)))
      .Send("what?\r\n")
      .AwaitEnd()
      .Close();
  conversation.Run();
}

void ExpectContinue(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  const std::string request =
      Post("/echo", "hello", "Expect: 100-continue\r\n");
  conversation
      .AddLateClient("client",
                     absl::StrCat(kContinue, Echoed("hello"), Ok("ha?\n")))
      .Send(request.substr(0, request.size() - 5))
      .AwaitText("100 Continue\r\n\r\n")
      .Send("hello")
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  const std::string refused = Post("/", "hello", "Expect: 100-continue\r\n");
  conversation
      .AddLateClient(
          "refused",
          Page(405, "", "Connection: close\r\nAllow: GET, HEAD, OPTIONS\r\n"))
      .Send(refused.substr(0, refused.size() - 5))
      .AwaitEnd()
      .Close();
  conversation.Run();
}

// Files.

void Download(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation
      .AddLateClient("client", std::vector<Answer>{OfLarge(), Ok("ha?\n")})
      .ReadSlowly(30'000, absl::Milliseconds(10))
      .Send(Get("/files/large.bin") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void DownloadOfASmallFile(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation
      .AddLateClient("client", std::vector<Answer>{OfSmall(), OfSmall(),
                                                   OfSmall(), Ok("ha?\n")})
      .Send(Get("/files/small.txt") + Get("/files/small.txt"))
      // Until the cache looks at the file again.
      .Wait(absl::Seconds(1))
      .Send(Get("/files/small.txt") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void Range(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  const Answer unsatisfiable = OfFile(
      Page(416, "",
           absl::StrCat("Content-Range: bytes */", Large().size(), "\r\n")));
  conversation
      .AddLateClient("client",
                     std::vector<Answer>{
                         OfLargeRange(0, 1), OfLargeRange(100'000, 50'000),
                         OfRange("text/plain; charset=utf-8", Small(), 16, 32),
                         unsatisfiable, Ok("ha?\n")})
      .Send(Get("/files/large.bin", RangeLine(0, 1)) +
            Get("/files/large.bin", RangeLine(100'000, 50'000)) +
            Get("/files/small.txt", RangeLine(16, 32)) +
            Get("/files/large.bin", RangeLine(900'000, 1)) + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void UnmodifiedFile(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  conversation
      .AddLateClient("client", std::vector<Answer>{NotModified(), NotModified(),
                                                   Ok("ha?\n")})
      .Send(Get("/files/large.bin", IfModifiedSince()) +
            Get("/files/small.txt", "If-None-Match: *\r\n") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void FileTruncatedWhileSent(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddBystander();
  Peer& client =
      conversation.AddLateClient("client", std::vector<Answer>{OfLarge()},
                                 Conversation::Patience::kMayLeave);
  client.StopReading()
      .Send(Get("/files/large.bin"))
      .Wait(absl::Milliseconds(50))
      .Do([&simulation] {
        simulation.host().files().Truncate(kLargeFile, 150'000);
      })
      .ReadFreely()
      .AwaitEnd();
  conversation.Run([&] {
    conversation.ExpectWithoutFault(
        client.received().size() > 100'000 &&
            client.received().size() < 160'000,
        "the client did not get what there was of the file");
  });
}

Question AskDaemon(Random& random) {
  switch (random.Below(20)) {
    case 0:
      return {Post("/", "hello"), MethodNotAllowed()};
    case 1:
      return {PostInChunks("/", "hello", 3), MethodNotAllowed()};
    case 2:
      return {Get("/big"), Ok(Big())};
    case 3:
    case 4: {
      const std::string body = Body(random.Below(20'000), random.Below(100));
      return {Post("/echo", body), Echoed(body)};
    }
    case 5: {
      const std::string body = Body(1 + random.Below(5'000), random.Below(100));
      return {PostInChunks("/echo", body, 1 + random.Below(2'000)),
              Echoed(body)};
    }
    case 6:
      if (random.Chance(80))
        return {Post("/echo", Uploaded()), Echoed(Uploaded())};
      return [&] {
        const std::string body = Body(kEchoedWhole + random.Below(200'000), 8);
        return Question{Post("/echo", body), Echoed(body)};
      }();
    case 7:
      return {Get("/files/large.bin"), OfLarge()};
    case 8:
    case 9:
      return {Get("/files/small.txt"), OfSmall()};
    case 10:
    case 11: {
      const size_t first = random.Below(Large().size());
      const size_t bytes = 1 + random.Below(Large().size() - first);
      return {Get("/files/large.bin", RangeLine(first, bytes)),
              OfLargeRange(first, bytes)};
    }
    case 12:
      return {Get("/files/large.bin", IfModifiedSince()), NotModified()};
    case 13:
      return {Get("/files/nothing"), OfFile(Page(404))};
    default:
      return {Get("/"), Ok("ha?\n")};
  }
}

}  // namespace

std::vector<NamedScenario> DaemonScenarios() {
  return {{"OneGet", OneGet},
          {"KeepAlive", KeepAlive},
          {"Pipelined", Pipelined},
          {"ByteByByte", ByteByByte},
          {"Post", RefusedPost},
          {"PostInChunks", RefusedPostInChunks},
          {"ConnectRequestClose", ConnectRequestClose},
          {"HalfClose", HalfClose},
          {"Reset", Reset},
          {"SlowReader", SlowReader},
          {"DescriptorExhaustion", DescriptorExhaustion},
          {"StopWithWorkInFlight", StopWithWorkInFlight},
          {"Upload", Upload},
          {"UploadInChunks", UploadInChunks},
          {"UploadThatBreaksOff", UploadThatBreaksOff},
          {"ExpectContinue", ExpectContinue},
          {"Download", Download},
          {"DownloadOfASmallFile", DownloadOfASmallFile},
          {"Range", Range},
          {"NotModified", UnmodifiedFile},
          {"FileTruncatedWhileSent", FileTruncatedWhileSent}};
}

std::vector<NamedScenario> LargeDaemonScenarios() {
  return {{"UploadThatStreams", UploadThatStreams}};
}

void RunRandomConversation(Simulation& simulation) {
  Conversation conversation(simulation, StartDaemon(simulation));
  conversation.AddRandomClients(AskDaemon);
  Random& random = conversation.random();
  if (random.Chance(20)) {
    conversation.RaiseTermAfter(absl::Microseconds(random.Between(0, 50'000)));
  }
  conversation.Run();
}

}  // namespace pollux
