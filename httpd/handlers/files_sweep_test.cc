#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/files.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"
#include "reactor/reactor.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

// Asks for one of each kind, twice, with time between: so that all is read, and
// then looked at again.
class Visit {
 public:
  Visit(Simulation& simulation, Reactor& reactor, FilesHandler& handler)
      : simulation_(simulation), reactor_(reactor), handler_(handler) {}

  void AskForAll() {
    // An index that could not be opened is none.
    const std::string index = Ask("");
    Expect(
        index == "index" || (had_fault_ && (index.empty() || IsListing(index))),
        "", index);
    ExpectBody("style.css", "", "style");
    // And so is a sibling.
    const std::string zipped = Ask("style.css", "Accept-Encoding: gzip\r\n");
    Expect(zipped == "zipped" ||
               (had_fault_ && (zipped.empty() || zipped == "style")),
           "style.css, zipped", zipped);
    ExpectBody("style.css", "Range: bytes=1-2\r\n", "ty");
    // Only how long it is.
    ExpectBody("large", "", "");
    const std::string list = Ask("dir/");
    Expect((IsListing(list) && absl::StrContains(list, ">a</a>")) || had_fault_,
           "dir/", list);
  }

 private:
  static bool IsListing(absl::string_view body) {
    return absl::StrContains(body, "<table>");
  }

  // Or nothing, if a fault kept it away.
  void ExpectBody(absl::string_view path, absl::string_view fields,
                  absl::string_view body) {
    const std::string answered = Ask(path, fields);
    Expect(answered == body || (had_fault_ && answered.empty()), path,
           answered);
  }

  // Returns the body of what was answered well.
  std::string Ask(absl::string_view path, absl::string_view fields = "") {
    const uint64_t faults = simulation_.faulty_kernel().faults();
    RecordingExchange exchange;
    RequestOf request(absl::StrCat("GET /", path), fields);
    const std::string below(path);
    request.match().below_prefix = below;
    request.AskOf(handler_, exchange);
    for (int i = 0; i < 100 && !exchange.answer().is_whole; ++i) {
      reactor_.RunOnce(absl::ZeroDuration());
    }
    const RecordingExchange::Answer& answer = exchange.answer();
    Expect(answer.is_whole, path, "no answer");
    const bool had_fault = simulation_.faulty_kernel().faults() > faults;
    had_fault_ = had_fault_ || had_fault;
    if (answer.status == 200 || answer.status == 206) {
      Expect(path != "large" || answer.file->bytes() == 12, path, "its size");
    } else {
      Expect(had_fault, path, absl::StrCat(answer.status));
      Expect(
          answer.status == 404 || answer.status == 500 || answer.status == 503,
          path, absl::StrCat(answer.status));
      return "";
    }
    return answer.body;
  }

  void Expect(bool holds, absl::string_view path, absl::string_view what) {
    simulation_.Expect(holds, absl::StrCat("\"", path, "\": ", what));
  }

  Simulation& simulation_;
  Reactor& reactor_;
  FilesHandler& handler_;
  bool had_fault_ = false;
};

void AVisit(Simulation& simulation) {
  FileTree& files = simulation.host().files();
  files.WriteFile("/www/index.html", "index");
  files.WriteFile("/www/style.css", "style");
  files.WriteFile("/www/style.css.gz", "zipped");
  files.WriteFile("/www/large", "twelve bytes");
  files.WriteFile("/www/dir/a", "");
  auto reactor = Reactor::Create(simulation.kernel());
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  FilesHandler::Options options;
  options.root = "/www";
  options.listing = FilesHandler::Listing::kPage;
  options.cache.max_file_bytes_in_memory = 8;
  options.cache.siblings = FileCache::Siblings::kServed;
  auto handler = FilesHandler::Create(**reactor, options);
  if (!handler.ok()) return;
  Visit visit(simulation, **reactor, **handler);
  visit.AskForAll();
  (*reactor)->RunOnce(absl::Seconds(1));
  visit.AskForAll();
}

TEST(FilesSweepTest, AVisitWithstandsEveryFault) {
  const SweepOutcome sweep = Sweep(Simulation::Options(), AVisit);
  EXPECT_THAT(sweep.failures, testing::IsEmpty());
  EXPECT_GT(sweep.runs, 300u);
}

}  // namespace
}  // namespace pollux
