#include "httpd/handlers/files.h"

#include <sys/stat.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/handlers/directory_listing.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/file_path.h"
#include "httpd/handlers/file_variant.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/byte_range.h"
#include "httpd/http/field_check.h"
#include "httpd/http/path_segments.h"
#include "httpd/http/percent_encoding.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/output_chain.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"

namespace pollux {
namespace {

// Of a listing, in one iteration.
constexpr int kStepsAtOnce = 8;

constexpr absl::Duration kWallClockFreshFor = absl::Seconds(1);

constexpr int kNotFound = 404;

// What a request for a file that could not be opened or read is answered.
int StatusFor(int error) {
  switch (error) {
    case EACCES:
    case EINVAL:
    case EILSEQ:  // A name that the file system could not have.
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ENODEV:
    case ENOENT:
    case ENOTDIR:
    case ENXIO:  // A socket.
    case EPERM:
    case EXDEV:  // A link that leads out.
      return kNotFound;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return 503;
    default:
      return 500;
  }
}

FileVariant& Choose(const http::RequestHead& head,
                    const FileCache::Variants& variants) {
  FileVariant& identity = *variants.front();
  if (variants.size() == 1) return identity;
  std::array<http::ContentCoding, http::kContentCodings> codings;
  size_t offered = 0;
  for (size_t i = 1; i < variants.size(); ++i) {
    codings[offered++] = variants[i]->coding();
  }
  codings[offered++] = http::ContentCoding::kIdentity;
  const std::optional<http::ContentCoding> chosen =
      http::AcceptedCodings(head).Choose(
          absl::MakeConstSpan(codings).first(offered));
  for (const FileVariant::Owner& variant : variants) {
    if (variant->coding() == chosen) return *variant;
  }
  // Nothing is acceptable; to be told so would help nobody.
  return identity;
}

// 308 to the same with a slash behind it: relative links in it need that.
void RedirectToDirectory(const Request& request, Responder responder) {
  const absl::string_view path = request.path();
  // "//host" and "/\host" would be another server's.
  if (!absl::StartsWith(path, "/") || absl::StartsWith(path, "//") ||
      absl::StartsWith(path, "/\\")) {
    return std::move(responder).SendStatus(kNotFound);
  }
  std::string location = absl::StrCat(path, "/");
  if (!request.query().empty()) {
    absl::StrAppend(&location, "?", request.query());
  }
  Response response;
  response.head = {.status = 308,
                   .fields = {{"Location", std::move(location)}}};
  std::move(responder).Send(std::move(response));
}

absl::Status Check(const FilesHandler::Options& options) {
  const std::string& index = options.index;
  if (!index.empty() && http::KindOf(index) != http::SegmentKind::kName) {
    return absl::InvalidArgumentError(absl::StrCat(
        "index \"", absl::CHexEscape(index), "\" is not the name of a file"));
  }
  const std::string& cache_control = options.cache.cache_control;
  if (!http::IsValidField({"Cache-Control", cache_control})) {
    return absl::InvalidArgumentError(
        absl::StrCat("cache_control \"", absl::CHexEscape(cache_control),
                     "\" cannot be the value of a field"));
  }
  return absl::OkStatus();
}

}  // namespace

// Owned by the handler, until it has answered or nobody waits any more.
class FilesHandler::ListingTask {
 public:
  ListingTask(FilesHandler& handler, DirectoryListing listing,
              Responder responder)
      : handler_(handler),
        listing_(std::move(listing)),
        responder_(std::move(responder)),
        next_(handler.reactor_, [this] {
          if (Advance() == Progress::kAnswered) return End();
          GoOnLater();
        }) {}

  // Answered, or nobody waits for it any more.
  enum class Progress : uint8_t { kLater, kAnswered };

  Progress Advance() {
    for (int i = 0; i < kStepsAtOnce; ++i) {
      if (const SysResult step = listing_.Step(); !step.ok()) {
        TakeResponder().SendStatus(StatusFor(step.error()));
        return Progress::kAnswered;
      }
      if (listing_.is_done()) {
        Send();
        return Progress::kAnswered;
      }
    }
    responder_->HoldBytes(listing_.held_bytes());
    // For want of memory, for one; OnAbandoned() would not tell any more.
    return responder_->abandoned() ? Progress::kAnswered : Progress::kLater;
  }

  // In the next iteration. Only if it is among handler_.listings_.
  void GoOnLater() {
    responder_->OnAbandoned([this] { End(); });
    next_.ArmAfter(absl::ZeroDuration());
  }

 private:
  Responder TakeResponder() {
    Responder responder = *std::move(responder_);
    responder_.reset();
    return responder;
  }

  void Send() {
    Response response;
    response.head.fields = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Cache-Control", "no-cache"},
        // There is nothing to run or load in it, whatever names say.
        {"Content-Security-Policy", "default-src 'none'"},
        {"X-Content-Type-Options", "nosniff"}};
    response.body = listing_.TakePage();
    TakeResponder().Send(std::move(response));
  }

  void End() {
    next_.Disarm();
    const auto task = handler_.listings_.find(this);
    if (task == handler_.listings_.end()) return;
    handler_.reactor_.DeleteSoon(std::move(task->second));
    handler_.listings_.erase(task);
  }

  FilesHandler& handler_;
  DirectoryListing listing_;
  std::optional<Responder> responder_;
  Timer next_;
};

absl::StatusOr<std::unique_ptr<FilesHandler>> FilesHandler::Create(
    Reactor& reactor, const Options& options) {
  if (absl::Status checked = Check(options); !checked.ok()) return checked;
  absl::StatusOr<RootDirectory> root =
      RootDirectory::Open(reactor.kernel(), options.root);
  if (!root.ok()) return root.status();
  return absl::WrapUnique(new FilesHandler(reactor, *std::move(root), options));
}

FilesHandler::FilesHandler(Reactor& reactor, RootDirectory root,
                           const Options& options)
    : reactor_(reactor),
      options_(options),
      root_(std::move(root)),
      cache_(root_, options.cache) {}

FilesHandler::~FilesHandler() = default;

void FilesHandler::Handle(const Request& request, Responder responder) {
  switch (ReadFilePath(request.below_prefix(), path_)) {
    case PathForm::kForbidden:
      return std::move(responder).SendStatus(kNotFound);
    case PathForm::kDirectory:
      return HandleDirectory(request, std::move(responder));
    case PathForm::kFile:
      break;
  }
  const FileCache::Variants* variants = nullptr;
  const SysResult found = cache_.Find(path_, reactor_.Now(), variants);
  if (found.ok()) return Serve(request, *variants, std::move(responder));
  if (found.error() == EISDIR) {
    return RedirectToDirectory(request, std::move(responder));
  }
  std::move(responder).SendStatus(StatusFor(found.error()));
}

void FilesHandler::HandleDirectory(const Request& request,
                                   Responder responder) {
  // A prefix without a slash at its end.
  if (!absl::EndsWith(request.path(), "/")) {
    return RedirectToDirectory(request, std::move(responder));
  }
  const size_t directory_bytes = path_.size();
  if (!options_.index.empty()) {
    path_.append(options_.index);
    const FileCache::Variants* variants = nullptr;
    const SysResult found = cache_.Find(path_, reactor_.Now(), variants);
    if (found.ok()) return Serve(request, *variants, std::move(responder));
    // A listing stands in for an index that is not there, not for one that may
    // not be read.
    if (found.error() != ENOENT && found.error() != EISDIR) {
      return std::move(responder).SendStatus(StatusFor(found.error()));
    }
  }
  if (options_.listing == Listing::kNone) {
    return std::move(responder).SendStatus(kNotFound);
  }
  path_.resize(directory_bytes);
  List(request, std::move(responder));
}

void FilesHandler::List(const Request& request, Responder responder) {
  RootDirectory::Opened opened;
  const SysResult result =
      root_.Open(path_, RootDirectory::Access::kRead, opened);
  if (!result.ok()) {
    return std::move(responder).SendStatus(StatusFor(result.error()));
  }
  if (!S_ISDIR(opened.status.st_mode)) {
    return std::move(responder).SendStatus(kNotFound);
  }
  std::string title = "Index of ";
  (void)http::PercentDecode(request.path(), http::PlusSign::kItself, title);
  using Parent = DirectoryListing::Parent;
  auto task = std::make_unique<ListingTask>(
      *this,
      DirectoryListing(root_, std::move(opened.descriptor), path_,
                       std::move(title),
                       path_.empty() ? Parent::kNone : Parent::kLinked,
                       options_.max_listed_names),
      std::move(responder));
  // Most are done at once.
  if (task->Advance() == ListingTask::Progress::kAnswered) return;
  ListingTask& kept = *task;
  listings_.emplace(&kept, std::move(task));
  kept.GoOnLater();
}

void FilesHandler::Serve(const Request& request,
                         const FileCache::Variants& variants,
                         Responder responder) {
  const http::RequestHead& head = request.head();
  FileVariant& variant = Choose(head, variants);
  const http::Validators validators = variant.validators();
  const int64_t now = WallSeconds();
  switch (http::JudgePreconditions(head, validators, now)) {
    case http::Precondition::kHolds:
      break;
    case http::Precondition::kNotModified:
      return std::move(responder).Send(variant.not_modified(), variant.Lend());
    case http::Precondition::kFailed:
      return std::move(responder).SendStatus(412);
  }

  const uint64_t size = variant.size_bytes();
  http::ByteRange range;
  switch (http::JudgeRange(head, validators, size, now, range)) {
    case http::RangeVerdict::kWhole:
      break;
    case http::RangeVerdict::kPart: {
      ResponseHead part = variant.Head(206);
      http::AppendContentRange(
          part.fields.emplace_back("Content-Range", "").second, range, size);
      return std::move(responder).Send(
          {.head = std::move(part),
           .body = variant.Body(range.first, range.bytes())});
    }
    case http::RangeVerdict::kUnsatisfiable: {
      std::string content_range;
      http::AppendUnsatisfiedRange(content_range, size);
      responder.AddField("Content-Range", content_range);
      return std::move(responder).SendStatus(416);
    }
  }
  // Copied, if that costs less than a head that is made for it.
  if (const http::PreparedResponse* whole = variant.whole();
      whole != nullptr && size < OutputChain::kLeastOwnPiece) {
    return std::move(responder).Send(*whole, variant.Lend());
  }
  std::move(responder).Send(
      {.head = variant.Head(200), .body = variant.Body(0, size)});
}

int64_t FilesHandler::WallSeconds() {
  const MonotonicTime now = reactor_.Now();
  if (now >= reread_wall_at_) {
    const int64_t nanos =
        reactor_.kernel().ClockGetTime(CLOCK_REALTIME).value();
    wall_seconds_ = absl::ToUnixSeconds(absl::FromUnixNanos(nanos));
    reread_wall_at_ = now + kWallClockFreshFor;
  }
  return wall_seconds_;
}

}  // namespace pollux
