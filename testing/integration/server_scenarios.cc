#include "testing/integration/server_scenarios.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/server/http_server.h"
#include "httpd/server/server_statistics.h"
#include "reactor/monotonic_time.h"
#include "testing/fake/random.h"
#include "testing/integration/conversation.h"
#include "testing/integration/embedded_server.h"
#include "testing/integration/scenario_texts.h"
#include "testing/peer.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

using Patience = Conversation::Patience;

// A conversation with a server, which is null if it did not start.
class ServerConversation {
 public:
  explicit ServerConversation(
      Simulation& simulation,
      const HttpServer::Options& options = HttpServer::Options())
      : ServerConversation(simulation,
                           EmbeddedServer::Start(simulation, options)) {}

  Conversation* operator->() { return &conversation_; }

  // `check` is told the server when it has drained.
  template <typename Check>
  void Run(Check check) {
    conversation_.Run([&] { check(*server_); });
  }
  void Run() { conversation_.Run(); }

 private:
  ServerConversation(Simulation& simulation,
                     std::unique_ptr<EmbeddedServer> server)
      : server_(server.get()), conversation_(simulation, std::move(server)) {}

  EmbeddedServer* const server_;
  Conversation conversation_;
};

// Of a body, all but the last bytes.
std::string Without(std::string request, size_t bytes) {
  request.resize(request.size() - bytes);
  return request;
}

void LateAnswers(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  conversation->AddLateClient("client", Repeat(LateAnswer(), 2) + Ok("ha?\n"))
      .Send(Get("/late/30") + Post("/late/5", "hello") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  // Ends while its answer is awaited, which is no reason not to give it.
  conversation->AddLateClient("half", LateAnswer())
      .Send(Get("/late/20"))
      .HalfClose()
      .AwaitEnd()
      .Close();
  conversation.Run();
}

void Cancelled(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  conversation->AddLateClient("resets", "")
      .Send(Get("/late/50"))
      .Wait(absl::Milliseconds(10))
      .Reset();
  conversation->AddLateClient("uploads", "")
      .Send(Without(Post("/late/50", "hello"), 2))
      .Wait(absl::Milliseconds(10))
      .Reset();
  conversation->AddLateClient("closes", "")
      .Send(Get("/late/20"))
      .Wait(absl::Milliseconds(5))
      .Close();
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(server.abandoned() == 2,
                                     "not both were told");
    conversation->ExpectWithoutFault(
        server.statistics().cancelled_requests.Read() == 2,
        "not both were counted");
  });
}

void EventStream(Simulation& simulation) {
  HttpServer::Options options;
  options.write_timeout = absl::Milliseconds(200);
  ServerConversation conversation(simulation, options);
  conversation->AddBystander();
  conversation->AddLateClient("reads", EventsAnswer(4, 10) + Ok("ha?\n"))
      .Send(Get("/events/4/10") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation
      ->AddLateClient("leaves", EventsAnswer(9, 10), Patience::kMayLeave)
      .Send(Get("/events/9/10"))
      .AwaitText("event 1")
      .Reset();
  conversation
      ->AddLateClient("stops", EventsAnswer(9, 60'000), Patience::kMayLeave)
      .StopReading()
      .Send(Get("/events/9/60000"))
      .Wait(absl::Seconds(1))
      .ReadFreely()
      .AwaitEnd();
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(server.abandoned() == 2,
                                     "not both were told");
    conversation->ExpectWithoutFault(server.timeouts(TimeoutKind::kWrite) == 1,
                                     "who did not read was not found out");
  });
}

void StreamWithBackpressure(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  conversation->AddLateClient("client", StreamAnswer(350'000) + Ok("ha?\n"))
      .ReadSlowly(40'000, absl::Milliseconds(10))
      .Send(Get("/stream/350000") + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run([&](EmbeddedServer& server) {
    // Twice the high watermark and one piece: until a stream's callback
    // returns, what it has just sent is counted besides what is written.
    simulation.Expect(server.most_buffered_bytes() < 150'000,
                      absl::StrCat(server.most_buffered_bytes(),
                                   " bytes were kept for a slow reader"));
  });
}

// As Upload, with an answer that begins before the request has come.
void MirroredUpload(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  const std::string body = Body(150'000, 1);
  conversation->AddLateClient("client", MirrorAnswer(body) + Ok("ha?\n"))
      .ReadSlowly(40'000, absl::Milliseconds(10))
      .SendInPieces(Post("/mirror", body) + Get("/"), 60'000,
                    absl::Milliseconds(1))
      .AwaitText("ha?\n")
      .Close();
  // Its answer must not look whole.
  conversation->AddLateClient("leaves", MirrorAnswer(body), Patience::kMayLeave)
      .Send(Post("/mirror", body).substr(0, 5'000))
      .HalfClose()
      .AwaitEnd();
  conversation.Run([&](EmbeddedServer& server) {
    // The client reads, if slowly, so its upload waits for that.
    conversation->ExpectWithoutFault(
        server.most_buffered_bytes() < 200'000,
        absl::StrCat(server.most_buffered_bytes(),
                     " bytes were kept for a slow reader"));
  });
}

// Responses that begin, or end, before the body of their request.
void EarlyResponses(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  const std::string body = Body(3'000, 6);
  const std::string expecting = Post("/mirror", body, kExpectLine);
  const size_t head_bytes = expecting.size() - body.size();
  conversation
      ->AddLateClient("waits",
                      std::string(kContinue) + MirrorAnswer(body) + Ok("ha?\n"))
      .Send(expecting.substr(0, head_bytes))
      .AwaitText("100 Continue\r\n\r\n")
      .Send(body + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  // Nobody receives its body, so it is not asked for.
  conversation->AddLateClient("is not asked", StreamAnswer(900, kCloseLine))
      .Send(Without(Post("/stream/900", body, kExpectLine), body.size()))
      .AwaitEnd();
  conversation->AddLateClient("uploads", StreamAnswer(900) + Ok("ha?\n"))
      .SendInPieces(Post("/stream/900", body) + Get("/"), 1'000,
                    absl::Milliseconds(3))
      .AwaitText("ha?\n")
      .Close();
  conversation->AddLateClient("breaks off", StreamAnswer(900))
      .Send(Without(Post("/stream/900", body), 1'000))
      .Wait(absl::Milliseconds(5))
      .HalfClose()
      .AwaitEnd();
  conversation->AddLateClient("is malformed", StreamAnswer(900))
      .Send(PostInChunks("/stream/900", body, 1'000).substr(0, 1'200))
      .Wait(absl::Milliseconds(5))
      .Send("no chunk")
      .AwaitEnd();
  conversation->AddLateClient("is too long", Page(404, "", kCloseLine))
      .Send(Without(Post("/nowhere", Body(300'000)), 299'000))
      .AwaitEnd();
  conversation.Run();
}

void CollectedBody(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddBystander();
  const std::string body = Body(20'000, 2);
  const std::string too_much =
      Body(EmbeddedServer::kMaxCollectedBytes + 1'000, 3);
  conversation
      ->AddLateClient("client", CollectedAnswer(body) + CollectedAnswer(body) +
                                    CollectedAnswer("") +
                                    CollectedAnswer(too_much) + Ok("ha?\n"))
      .SendInPieces(Post("/collect", body), 8'000, absl::Milliseconds(1))
      .SendInPieces(PostInChunks("/collect", body, 5'000), 8'000,
                    absl::Milliseconds(1))
      .Send(Post("/collect", ""))
      .Send(Post("/collect", too_much) + Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run();
}

void Shedding(Simulation& simulation) {
  HttpServer::Options options;
  options.max_buffered_bytes = 100'000;
  ServerConversation conversation(simulation, options);
  conversation->AddBystander();
  const std::string refusal = Page(503, "", kCloseLine);
  const std::string body = Body(EmbeddedServer::kMaxCollectedBytes, 4);
  for (size_t i = 0; i < 3; ++i) {
    conversation
        ->AddLateClient(absl::StrCat("uploads", i), refusal,
                        Patience::kMayLeave)
        .Send(Without(Post("/collect", body), 20'000 + 1'000 * i))
        .Wait(absl::Milliseconds(100))
        .Close();
  }
  for (size_t i = 0; i < 2; ++i) {
    conversation
        ->AddLateClient(absl::StrCat("reads", i), Ok(EmbeddedBig()),
                        Patience::kMayLeave)
        .StopReading()
        .Send(Get("/made"))
        .Wait(absl::Milliseconds(100))
        .Close();
  }
  const std::string modest = Body(2'000, 5);
  conversation
      ->AddLateClient("modest", Ok("ha?\n") + CollectedAnswer(modest) +
                                    LateAnswer() + Ok("ha?\n"))
      .Send(Get("/"))
      .SendInPieces(Post("/collect", modest), 1'000, absl::Milliseconds(10))
      .Send(Get("/late/20") + Get("/"))
      .AwaitText("ha?\n", 2)
      .Close();
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(
        server.shed(ShedReason::kBufferedBytes) >= 3, "too few were shed");
  });
}

void ConnectionsOverTheLimit(Simulation& simulation) {
  HttpServer::Options options;
  options.max_connections = 3;
  ServerConversation conversation(simulation, options);
  for (int i = 0; i < 3; ++i) {
    conversation->AddLateClient(absl::StrCat("early", i), LateAnswer())
        .Send(Get("/late/50"))
        .AwaitEnd();
  }
  conversation->AddClient("refused", Page(503, "", kCloseLine))
      .Wait(absl::Milliseconds(20))
      .Connect(Conversation::address())
      .AwaitEnd()
      .Close();
  // One that is idle by then makes room.
  conversation->AddClient("late", Ok("ha?\n"))
      .Wait(absl::Milliseconds(100))
      .Connect(Conversation::address())
      .Send(Get("/"))
      .AwaitText("ha?\n")
      .Close();
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(
        server.shed(ShedReason::kConnections) == 1 &&
            server.shed(ShedReason::kIdleForNew) == 1,
        "not one was refused and one ended");
  });
}

void TooSlow(Simulation& simulation) {
  HttpServer::Options options;
  options.head_timeout = absl::Milliseconds(100);
  options.body_timeout = absl::Milliseconds(200);
  options.write_timeout = absl::Milliseconds(300);
  ServerConversation conversation(simulation, options);
  conversation->AddBystander();
  const MonotonicTime start = simulation.world().time().Now();
  const auto expect_within = [&](Peer& client, int after_ms) {
    client.Do([&, after_ms] {
      const absl::Duration time = simulation.world().time().Now() - start;
      conversation->ExpectWithoutFault(
          time >= absl::Milliseconds(after_ms) &&
              time <= absl::Milliseconds(after_ms + 60),
          absl::StrCat("it took ", absl::FormatDuration(time)));
    });
    client.Close();
  };
  const std::string timeout = Page(408, "", kCloseLine);
  Peer& head = conversation->AddLateClient("head", timeout);
  for (int i = 0; i < 4; ++i) {
    head.Send("GET").Wait(absl::Milliseconds(20));
  }
  expect_within(head.AwaitEnd(), 100);
  Peer& body = conversation->AddLateClient("body", timeout);
  body.Send(Without(Post("/collect", Body(500)), 500));
  for (int i = 0; i < 5; ++i) {
    body.Send("b").Wait(absl::Milliseconds(30));
  }
  expect_within(body.AwaitEnd(), 200);
  conversation->AddLateClient("reader", Ok(EmbeddedBig()), Patience::kMayLeave)
      .StopReading()
      .Send(Get("/big"))
      .Wait(absl::Seconds(1))
      .ReadFreely()
      .AwaitEnd()
      .Close();
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(
        server.timeouts(TimeoutKind::kHead) == 1 &&
            server.timeouts(TimeoutKind::kBody) == 1 &&
            server.timeouts(TimeoutKind::kWrite) == 1,
        "not each was found out once");
  });
}

// Everything that takes time is under way when the server is told to stop.
void Drain(Simulation& simulation) {
  HttpServer::Options options;
  options.drain_timeout = absl::Seconds(1);
  ServerConversation conversation(simulation, options);
  conversation->AllowAnnouncedClose();
  const std::string body = Body(3'000, 6);
  conversation->AddLateClient("late", LateAnswer())
      .Send(Get("/late/50"))
      .AwaitEnd()
      .Close();
  conversation->AddLateClient("events", EventsAnswer(5, 10))
      .Send(Get("/events/5/10"))
      .AwaitEnd()
      .Close();
  conversation->AddLateClient("uploads", CollectedAnswer(body))
      .SendInPieces(Post("/collect", body), 1'000, absl::Milliseconds(20))
      .AwaitEnd()
      .Close();
  conversation->AddLateClient("mirrors", MirrorAnswer(body))
      .SendInPieces(Post("/mirror", body), 1'000, absl::Milliseconds(20))
      .AwaitEnd()
      .Close();
  conversation->AddLateClient("idle", Ok("ha?\n"))
      .Send(Get("/"))
      .AwaitEnd()
      .Close();
  // They outstay the time that is left.
  conversation->AddLateClient("reads", Ok(EmbeddedBig()), Patience::kMayLeave)
      .StopReading()
      .Send(Get("/big"))
      .Wait(absl::Seconds(2))
      .Close();
  conversation->AddLateClient("waits", "", Patience::kMayLeave)
      .Send(Get("/late/3000"))
      .AwaitEnd()
      .Close();
  simulation.world().time().After(absl::Milliseconds(25),
                                  [&] { conversation->RaiseTerm(); });
  conversation.Run([&](EmbeddedServer& server) {
    conversation->ExpectWithoutFault(
        server.timeouts(TimeoutKind::kDrain) == 2 && server.abandoned() == 1,
        "not only the last two were ended");
  });
}

Question AskServer(Random& random) {
  switch (random.Below(17)) {
    case 0:
      return {Get("/big"), Ok(EmbeddedBig())};
    case 1:
    case 2:
      return {Get(absl::StrCat("/late/", random.Below(50))), LateAnswer()};
    case 3:
      return {Post(absl::StrCat("/late/", random.Below(10)),
                   Body(random.Below(9'000))),
              LateAnswer()};
    case 4: {
      const size_t count = random.Below(8);
      const size_t bytes = random.Below(100);
      return {Get(absl::StrCat("/events/", count, "/", bytes)),
              EventsAnswer(count, bytes)};
    }
    case 5:
      return {Get("/events/4/60000"), EventsAnswer(4, 60'000)};
    case 6:
    case 7: {
      const size_t bytes = random.Below(random.Chance(30) ? 400'000 : 20'000);
      return {Get(absl::StrCat("/stream/", bytes)), StreamAnswer(bytes)};
    }
    case 8: {
      const std::string body = Body(random.Below(80'000), random.Below(100));
      return {Post("/collect", body), CollectedAnswer(body)};
    }
    case 9: {
      const std::string body = Body(random.Below(5'000), random.Below(100));
      return {PostInChunks("/collect", body, 1 + random.Below(1'000)),
              CollectedAnswer(body)};
    }
    case 10:
    case 11: {
      const std::string body =
          Body(1 + random.Below(random.Chance(30) ? 200'000 : 10'000),
               random.Below(100));
      return {Post("/mirror", body), MirrorAnswer(body)};
    }
    case 12: {
      const std::string body = Body(1 + random.Below(5'000));
      return {Post("/mirror", body, kExpectLine),
              MayContinue(MirrorAnswer(body))};
    }
    case 13: {
      const std::string body = Body(1 + random.Below(5'000));
      return random.Chance(50) ? Question{Post("/collect", body, kExpectLine),
                                          MayContinue(CollectedAnswer(body))}
                               : Question{Post("/late/9", body, kExpectLine),
                                          MayContinue(LateAnswer())};
    }
    case 14: {
      // The response may be complete before the body is.
      const size_t bytes = random.Below(random.Chance(30) ? 200'000 : 500);
      return {Post(absl::StrCat("/stream/", bytes),
                   Body(random.Below(random.Chance(30) ? 200'000 : 10'000))),
              StreamAnswer(bytes)};
    }
    default:
      return {Get("/"), Ok("ha?\n")};
  }
}

}  // namespace

std::vector<NamedScenario> ServerScenarios() {
  return {{"LateAnswer", LateAnswers},
          {"Cancelled", Cancelled},
          {"EventStream", EventStream},
          {"StreamWithBackpressure", StreamWithBackpressure},
          {"MirroredUpload", MirroredUpload},
          {"EarlyResponses", EarlyResponses},
          {"CollectedBody", CollectedBody},
          {"Shedding", Shedding},
          {"ConnectionsOverTheLimit", ConnectionsOverTheLimit},
          {"TooSlow", TooSlow},
          {"Drain", Drain}};
}

void RunRandomServerConversation(Simulation& simulation) {
  ServerConversation conversation(simulation);
  conversation->AddRandomClients(AskServer);
  Random& random = conversation->random();
  if (random.Chance(20)) {
    conversation->RaiseTermAfter(absl::Microseconds(random.Between(0, 50'000)));
  }
  conversation.Run();
}

}  // namespace pollux
