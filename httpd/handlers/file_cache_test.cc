#include "httpd/handlers/file_cache.h"

#include <gtest/gtest.h>
#include <string.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/handlers/file_variant.h"
#include "httpd/handlers/files_fixture.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/entity_tag.h"
#include "httpd/server/response.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

class FileCacheTest : public FilesFixture {
 protected:
  void SetUp() override {
    MakeDirectory("root");
    absl::StatusOr<RootDirectory> root =
        RootDirectory::Open(kernel_, Path("root"));
    ASSERT_TRUE(root.ok()) << root.status();
    root_ = *std::move(root);
    MakeCache({});
  }
  void TearDown() override {
    cache_.reset();
    root_.reset();
    FilesFixture::TearDown();
  }

  void MakeCache(const FileCache::Options& options) {
    cache_ = std::make_unique<FileCache>(*root_, options);
  }

  // Until the cache looks again, by the time that it is told.
  void PassLonger() { skipped_ = skipped_ + FileCache::kFreshFor; }
  MonotonicTime Now() { return reactor_->Now() + skipped_; }

  // Null, with the error in error_, if it is not found.
  FileVariant* Find(const std::string& path) {
    const FileCache::Variants* variants = nullptr;
    const SysResult found = cache_->Find(path, Now(), variants);
    error_ = found.error();
    return found.ok() ? variants->front().get() : nullptr;
  }

  // All of it, or the name of what went wrong.
  std::string Read(const std::string& path) {
    FileVariant* const variant = Find(path);
    return variant == nullptr ? ::strerrorname_np(error_) : Contents(*variant);
  }

  std::string Contents(FileVariant& variant) {
    const ResponseBody body = variant.Body(0, variant.size_bytes());
    if (const auto* shared = std::get_if<SharedBytes>(&body)) {
      return std::string(shared->bytes);
    }
    const auto& range = std::get<FileRange>(body);
    std::string contents(range.bytes(), '\0');
    const SysResult read = bare_kernel_->Pread(
        range.file(), absl::MakeSpan(contents), range.offset());
    EXPECT_TRUE(read.ok());
    contents.resize(static_cast<size_t>(read.value()));
    return contents;
  }

  std::string Tag(const std::string& path) {
    return std::string(Find(path)->validators().entity_tag->opaque);
  }

  std::vector<http::ContentCoding> Codings(const std::string& path) {
    const FileCache::Variants* variants = nullptr;
    EXPECT_EQ(cache_->Find(path, Now(), variants).error(), 0);
    if (variants == nullptr) return {};
    std::vector<http::ContentCoding> codings;
    for (const auto& variant : *variants) codings.push_back(variant->coding());
    return codings;
  }

  bool HasDescriptor(const std::string& path) {
    return Find(path)->has_descriptor();
  }

  std::optional<RootDirectory> root_;
  std::unique_ptr<FileCache> cache_;
  int error_ = 0;
  absl::Duration skipped_;
};

TEST_P(FileCacheTest, FindsWhatItHasWithoutACall) {
  Write("root/small", "1");
  Write("root/large", std::string(65 * 1024, 'l'));
  EXPECT_EQ(Read("small"), "1");
  EXPECT_EQ(Read("large"), std::string(65 * 1024, 'l'));
  EXPECT_FALSE(HasDescriptor("small"));
  EXPECT_TRUE(HasDescriptor("large"));
  const int calls = kernel_.calls();
  EXPECT_EQ(Read("small"), "1");
  EXPECT_EQ(Read("large").size(), 65 * 1024);
  EXPECT_EQ(kernel_.calls(), calls);
}

TEST_P(FileCacheTest, KeepsInMemoryUpToItsLimit) {
  MakeCache({.max_file_bytes_in_memory = 10});
  Write("root/empty", "");
  Write("root/ten", "0123456789");
  Write("root/eleven", "0123456789a");
  EXPECT_EQ(Read("empty"), "");
  EXPECT_EQ(Read("ten"), "0123456789");
  EXPECT_EQ(Read("eleven"), "0123456789a");
  EXPECT_FALSE(HasDescriptor("empty"));
  EXPECT_FALSE(HasDescriptor("ten"));
  EXPECT_TRUE(HasDescriptor("eleven"));
  EXPECT_EQ(cache_->files(), 3u);
  EXPECT_EQ(cache_->descriptors(), 1u);
}

TEST_P(FileCacheTest, LooksAgainAndKeepsWhatIsTheSame) {
  Write("root/small", "1");
  Write("root/large", std::string(65 * 1024, 'l'));
  Settle();
  EXPECT_EQ(Read("small"), "1");
  EXPECT_EQ(Read("large").size(), 65 * 1024);
  const FileVariant* const small = Find("small");
  const FileVariant* const large = Find("large");
  const int reads = kernel_.Count(SyscallKind::kPread);
  PassLonger();
  const int calls = kernel_.calls();
  EXPECT_EQ(Find("small"), small);
  EXPECT_GT(kernel_.calls(), calls);
  EXPECT_EQ(Find("large"), large);
  EXPECT_EQ(kernel_.Count(SyscallKind::kPread), reads);
  EXPECT_EQ(cache_->files(), 2u);
  EXPECT_EQ(cache_->descriptors(), 1u);
}

TEST_P(FileCacheTest, NoticesEveryKindOfChange) {
  for (const size_t in_memory : {0, 100}) {
    MakeCache({.max_file_bytes_in_memory = in_memory});
    Write("root/a", "first");
    Settle();
    EXPECT_EQ(Read("a"), "first");
    const std::string first_tag = Tag("a");

    // In place, the same size.
    Write("root/a", "other");
    PassLonger();
    EXPECT_EQ(Read("a"), "other");
    EXPECT_NE(Tag("a"), first_tag);

    // Another file of that name.
    Settle();
    PassLonger();
    const std::string second_tag = Tag("a");
    Write("root/new", "third");
    ASSERT_TRUE(tree_->Rename("root/new", "root/a"));
    PassLonger();
    EXPECT_EQ(Read("a"), "third");
    EXPECT_NE(Tag("a"), second_tag);

    ASSERT_TRUE(tree_->Truncate("root/a", 2));
    PassLonger();
    EXPECT_EQ(Read("a"), "th");

    ASSERT_TRUE(tree_->Remove("root/a"));
    PassLonger();
    EXPECT_EQ(Read("a"), "ENOENT");
    EXPECT_EQ(cache_->files(), 0u);
    EXPECT_EQ(cache_->descriptors(), 0u);
    EXPECT_EQ(cache_->bytes(), 0u);

    MakeDirectory("root/a");
    EXPECT_EQ(Read("a"), "EISDIR");
    ASSERT_TRUE(tree_->Remove("root/a"));
    Write("root/a", "again");
    EXPECT_EQ(Read("a"), "again");
    Write("root/new", "");
    ASSERT_TRUE(tree_->Remove("root/a"));
  }
}

TEST_P(FileCacheTest, ServesWhatItHasUntilItLooksAgain) {
  if (fake() == nullptr) return;  // Real time could pass meanwhile.
  Write("root/a", "first");
  Settle();
  EXPECT_EQ(Read("a"), "first");
  ASSERT_TRUE(tree_->Remove("root/a"));
  Pass(FileCache::kFreshFor - absl::Nanoseconds(1));
  EXPECT_EQ(Read("a"), "first");
  Pass(absl::Nanoseconds(1));
  EXPECT_EQ(Read("a"), "ENOENT");
}

// What the times of a file do not show: two changes within one tick.
TEST_P(FileCacheTest, ReadsAgainWhatWasJustChanged) {
  Write("root/a", "1");
  EXPECT_EQ(Read("a"), "1");
  const std::string tag = Tag("a");
  Write("root/a", "2");
  Settle();
  PassLonger();
  EXPECT_EQ(Read("a"), "2");
  EXPECT_NE(Tag("a"), tag);

  // Now it has settled, and is taken as it is.
  const std::string settled_tag = Tag("a");
  PassLonger();
  const int reads = kernel_.Count(SyscallKind::kPread);
  EXPECT_EQ(Tag("a"), settled_tag);
  EXPECT_EQ(kernel_.Count(SyscallKind::kPread), reads);
}

TEST_P(FileCacheTest, TagsOfTheSameBytesInMemoryStayTheSame) {
  Write("root/a", "1");
  const std::string tag = Tag("a");
  PassLonger();
  EXPECT_EQ(Tag("a"), tag);
  Settle();
  PassLonger();
  EXPECT_EQ(Tag("a"), tag);
  MakeCache({});
  EXPECT_EQ(Tag("a"), tag);
}

TEST_P(FileCacheTest, TagsOfWhatMayStillChangeInPlaceAreWeak) {
  const auto strength = [&](const std::string& path) {
    return Find(path)->validators().entity_tag->strength;
  };
  MakeCache({.max_file_bytes_in_memory = 1});
  Write("root/small", "1");
  Write("root/large", "12");
  if (fake() != nullptr) {
    EXPECT_EQ(strength("small"), http::TagStrength::kStrong);
    EXPECT_EQ(strength("large"), http::TagStrength::kWeak);
  }
  Settle();
  MakeCache({.max_file_bytes_in_memory = 1});
  EXPECT_EQ(strength("small"), http::TagStrength::kStrong);
  EXPECT_EQ(strength("large"), http::TagStrength::kStrong);
}

TEST_P(FileCacheTest, DoesNotKeepWhatChangedWhileItWasRead) {
  Write("root/grows", "1");
  Settle();
  kernel_.BeforeNext(SyscallKind::kPread, [&] { Write("root/grows", "123"); });
  FileVariant* const grown = Find("grows");
  ASSERT_NE(grown, nullptr);
  EXPECT_TRUE(grown->has_descriptor());
  EXPECT_EQ(Contents(*grown), "123");
  Settle();
  PassLonger();
  EXPECT_FALSE(HasDescriptor("grows"));
  EXPECT_EQ(Read("grows"), "123");

  Write("root/shrinks", "12345");
  Settle();
  kernel_.BeforeNext(SyscallKind::kPread,
                     [&] { (void)tree_->Truncate("root/shrinks", 2); });
  FileVariant* const shrunk = Find("shrinks");
  ASSERT_NE(shrunk, nullptr);
  EXPECT_EQ(shrunk->size_bytes(), 2u);
  EXPECT_EQ(Contents(*shrunk), "12");
  EXPECT_TRUE(shrunk->has_descriptor());
}

TEST_P(FileCacheTest, ReadsInAsManyPiecesAsItTakes) {
  kernel_.set_max_read_bytes(3);
  Write("root/a", "0123456789");
  kernel_.FailNext(SyscallKind::kPread, EINTR, 2);
  EXPECT_EQ(Read("a"), "0123456789");
  EXPECT_FALSE(HasDescriptor("a"));
}

TEST_P(FileCacheTest, PassesFailuresOnAndKeepsNothing) {
  Write("root/a", "1");
  kernel_.FailNext(SyscallKind::kPread, EIO);
  EXPECT_EQ(Read("a"), "EIO");
  kernel_.FailNext(SyscallKind::kFstat, EIO);
  EXPECT_EQ(Read("a"), "EIO");
  // The one after it was read.
  kernel_.FailNext(SyscallKind::kFstat, EIO, 1, 1);
  EXPECT_EQ(Read("a"), "EIO");
  kernel_.FailNext(SyscallKind::kOpenAt2, EMFILE);
  kernel_.FailNext(SyscallKind::kOpenAt, EMFILE);
  EXPECT_EQ(Read("a"), "EMFILE");
  EXPECT_EQ(cache_->files(), 0u);
  if (GetParam().has_openat2) kernel_.FailNext(SyscallKind::kOpenAt, 0, 0);
  EXPECT_EQ(Read("a"), "1");
}

TEST_P(FileCacheTest, ServesWhatItHasWhileDescriptorsAreShort) {
  const SyscallKind open =
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  Write("root/a", "1");
  EXPECT_EQ(Read("a"), "1");
  for (const int error : {EMFILE, ENFILE, ENOMEM}) {
    PassLonger();
    kernel_.FailNext(open, error);
    EXPECT_EQ(Read("a"), "1");
    // It is looked at again as soon as that is possible.
    const int calls = kernel_.calls();
    EXPECT_EQ(Read("a"), "1");
    EXPECT_GT(kernel_.calls(), calls);
  }
  PassLonger();
  kernel_.FailNext(open, EIO);
  EXPECT_EQ(Read("a"), "EIO");
}

TEST_P(FileCacheTest, ClosesWhatItKeepsWhereDescriptorsAreShort) {
  const SyscallKind open =
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  MakeCache({.max_file_bytes_in_memory = 1});
  Write("root/large", "12");
  Write("root/small", "1");
  EXPECT_EQ(Read("large"), "12");
  EXPECT_EQ(cache_->descriptors(), 1u);
  const int descriptors = kernel_.open();
  kernel_.FailNext(open, EMFILE);
  EXPECT_EQ(Read("small"), "1");
  EXPECT_EQ(cache_->descriptors(), 0u);
  EXPECT_EQ(kernel_.open(), descriptors - 1);
}

TEST_P(FileCacheTest, DropsWhatWasUsedLongestAgo) {
  MakeCache({.max_files = 3});
  for (const char* name : {"a", "b", "c", "d"}) {
    Write(absl::StrCat("root/", name), name);
  }
  EXPECT_EQ(Read("a"), "a");
  EXPECT_EQ(Read("b"), "b");
  EXPECT_EQ(Read("c"), "c");
  EXPECT_EQ(Read("a"), "a");
  EXPECT_EQ(Read("d"), "d");
  EXPECT_EQ(cache_->files(), 3u);
  const auto is_kept = [&](const std::string& path) {
    const int calls = kernel_.calls();
    EXPECT_EQ(Read(path), path);
    return kernel_.calls() == calls;
  };
  EXPECT_TRUE(is_kept("a"));
  EXPECT_TRUE(is_kept("c"));
  EXPECT_TRUE(is_kept("d"));
  EXPECT_FALSE(is_kept("b"));
}

TEST_P(FileCacheTest, IsBoundedInBytesAndDescriptors) {
  MakeCache({.max_file_bytes_in_memory = 1000,
             .max_bytes = 20'000,
             .max_descriptors = 3});
  for (int i = 0; i < 20; ++i) {
    Write(absl::StrCat("root/small", i), std::string(1000, 's'));
    Write(absl::StrCat("root/large", i), std::string(1001, 'l'));
  }
  const int before = kernel_.open();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Read(absl::StrCat("small", i)).size(), 1000u);
    EXPECT_LE(cache_->bytes(), 20'000u);
  }
  EXPECT_GE(cache_->files(), 4u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Read(absl::StrCat("large", i)).size(), 1001u);
    EXPECT_LE(cache_->descriptors(), 3u);
    EXPECT_LE(cache_->bytes(), 20'000u);
    EXPECT_EQ(kernel_.open() - before, static_cast<int>(cache_->descriptors()));
  }
  // Without memory and descriptors they are served all the same.
  MakeCache({.max_bytes = 0, .max_files = 0, .max_descriptors = 0});
  EXPECT_EQ(Read("small1").size(), 1000u);
  EXPECT_EQ(Read("large1").size(), 1001u);
  EXPECT_EQ(cache_->files(), 1u);
  EXPECT_EQ(cache_->bytes(), 0u);
}

TEST_P(FileCacheTest, WhatIsLentOutlivesTheCache) {
  MakeCache({.max_file_bytes_in_memory = 1, .max_files = 1});
  Write("root/large", "12");
  Write("root/small", "1");
  const int before = kernel_.open();
  FileVariant* const large = Find("large");
  std::optional<ResponseBody> body = large->Body(1, 1);
  std::optional<Lease> lease = large->Lend();
  FileVariant* const small = Find("small");
  std::optional<ResponseBody> in_memory = small->Body(0, 1);
  EXPECT_EQ(kernel_.open(), before + 1);
  cache_.reset();
  EXPECT_EQ(kernel_.open(), before + 1);
  EXPECT_EQ(Contents(*large), "12");
  EXPECT_EQ(std::get<SharedBytes>(*in_memory).bytes, "1");
  body.reset();
  EXPECT_EQ(kernel_.open(), before + 1);
  lease.reset();
  EXPECT_EQ(kernel_.open(), before);
  in_memory.reset();
}

TEST_P(FileCacheTest, SiblingsAreServedIfTheyAreNotOlder) {
  using http::ContentCoding;
  MakeCache({.siblings = FileCache::Siblings::kServed});
  const absl::Time now = absl::Now();
  Write("root/a.css", "plain");
  ASSERT_TRUE(tree_->SetModified("root/a.css", now));
  EXPECT_EQ(Codings("a.css"),
            std::vector<ContentCoding>({ContentCoding::kIdentity}));

  Write("root/a.css.gz", "gz");
  ASSERT_TRUE(tree_->SetModified("root/a.css.gz", now));
  Write("root/a.css.zst", "zst");
  ASSERT_TRUE(tree_->SetModified("root/a.css.zst", now + absl::Seconds(1)));
  Write("root/a.css.br", "br");
  ASSERT_TRUE(tree_->SetModified("root/a.css.br", now - absl::Milliseconds(1)));
  PassLonger();
  EXPECT_EQ(
      Codings("a.css"),
      std::vector<ContentCoding>({ContentCoding::kIdentity,
                                  ContentCoding::kZstd, ContentCoding::kGzip}));

  // Nothing that is no file, or cannot be read, counts.
  ASSERT_TRUE(tree_->Remove("root/a.css.zst"));
  MakeDirectory("root/a.css.zst");
  ASSERT_TRUE(tree_->SetModified("root/a.css.br", now));
  Settle();
  PassLonger();
  EXPECT_EQ(Codings("a.css"),
            std::vector<ContentCoding>({ContentCoding::kIdentity,
                                        ContentCoding::kBrotli,
                                        ContentCoding::kGzip}));

  // The file changes, and they are old.
  PassLonger();
  Write("root/a.css", "newer");
  ASSERT_TRUE(tree_->SetModified("root/a.css", now + absl::Seconds(2)));
  PassLonger();
  EXPECT_EQ(Codings("a.css"),
            std::vector<ContentCoding>({ContentCoding::kIdentity}));
  EXPECT_EQ(Read("a.css"), "newer");
}

TEST_P(FileCacheTest, SiblingsThatCannotBeReadAreIgnored) {
  MakeCache({.siblings = FileCache::Siblings::kServed});
  Write("root/a", "plain");
  Write("root/a.gz", "gz");
  const absl::Time now = absl::Now();
  ASSERT_TRUE(tree_->SetModified("root/a", now));
  ASSERT_TRUE(tree_->SetModified("root/a.gz", now));
  kernel_.FailNext(SyscallKind::kPread, EIO, 1, 1);
  EXPECT_EQ(Codings("a").size(), 1u);
  PassLonger();
  EXPECT_EQ(Codings("a").size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, FileCacheTest,
                         testing::ValuesIn(FilesSetups()), FilesSetupName);

}  // namespace
}  // namespace pollux
